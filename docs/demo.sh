#!/bin/sh
# What `make demo` shows: one campaign, validated, planned, bought on the built-in sandbox, then applied again.
# $1 is the runner's command. The state goes to a folder of its own, emptied first, so that the demo always buys.
set -eu
runner=$1
state=state/demo
rm -rf "$state"
export BULK_RUNNER_STATE="$state/runner.db"
export XDG_STATE_HOME="$PWD/$state/home" # the demo leaves nothing anywhere else

show() {
    if [ -t 1 ]; then
        printf '\n\033[1m$ runner %s\033[0m\n' "$*"
    else
        printf '\n$ runner %s\n' "$*"
    fi
    "$runner" "$@"
}

show validate campaigns/demo.yaml
show plan campaigns/demo.yaml --short
show apply campaigns/demo.yaml
printf '\nOnce more: everything is bought, so nothing is sent.\n'
show apply campaigns/demo.yaml
show status campaigns/demo.yaml --short
show report
