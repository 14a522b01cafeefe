#!/bin/sh
# What a team's CI does with the runner, on any service, from the project's folder in a fresh clone:
#
#   steps.sh validate   every check that needs no network and no state
#   steps.sh plan       plans the commit that is checked out, keeps the plan for `apply`, shows it in the pull request
#   steps.sh apply      carries out the plan that was kept for exactly these files, or nothing (12)
#   steps.sh drift      asks the panels how things stand; exits with 2 where something is left to be bought
#
# Further arguments go to the runner. Exits with its exit code. Plans travel in git, under a reference that is named by
# the project folder's own tree: whoever merges something else than what was planned finds no plan.
#
#   BULK_RUNNER_STATE     where the state is: postgresql://... ; the password as libpq takes it, the panels' keys as panels.yaml says
#   BULK_RUNNER           the runner, if it is not `runner`
#   BULK_RUNNER_CI_OUT    the folder of reports: `runner-out`
#   BULK_RUNNER_CI_REMOTE where plans are kept: `origin`
#   BULK_RUNNER_CI_NAME   tells the comments of several projects in one repository apart
#   BULK_RUNNER_CI_WAIT   how long to wait for another job on the same account: `10m`
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
out=${BULK_RUNNER_CI_OUT:-runner-out}
remote=${BULK_RUNNER_CI_REMOTE:-origin}
wait=${BULK_RUNNER_CI_WAIT:-10m}

runner() { # shellcheck disable=SC2086  # a command and its arguments
    ${BULK_RUNNER:-runner} "$@"
}

say() { printf 'steps.sh: %s\n' "$*" >&2; }

reference() { printf 'refs/bulk-order-runner/plans/%s' "$(git rev-parse 'HEAD:./')"; }

keep() { # the plan as a commit of its own, which stands in no branch
    blob=$(git hash-object -w "$out/plan.json")
    tree=$(printf '100644 blob %s\tplan.json\n' "$blob" | git mktree)
    commit=$(GIT_AUTHOR_NAME=runner GIT_AUTHOR_EMAIL=runner@localhost GIT_COMMITTER_NAME=runner \
        GIT_COMMITTER_EMAIL=runner@localhost git commit-tree -m 'A plan of bulk-order-runner' "$tree")
    git push --quiet --force "$remote" "$commit:$(reference)"
}

plan() {
    code=0
    runner plan --lock-timeout "$wait" --out "$out/plan.json" \
        --report "markdown=$out/plan.md" --report "html=$out/plan.html" "$@" || code=$?
    if [ ! -s "$out/plan.md" ]; then # the comment of an earlier commit must not stand for this one
        printf '<!-- bulk-order-runner: plan -->\n## runner plan: exit code %s\n\nNo plan was made. The log of the job says why.\n' "$code" >"$out/plan.md"
    fi
    case $code in
    0 | 2 | 15) keep || { say 'the plan could not be kept: apply will not find it; may the job push?' && code=1; } ;;
    esac
    "${PYTHON:-python3}" "$here/comment.py" "$out/plan.md" || code=$((code ? code : 1))
    return "$code"
}

apply() {
    if ! git fetch --quiet --depth 1 "$remote" "$(reference)" 2>/dev/null; then
        say 'no plan was kept for these files: they are not what was planned, or that plan was applied already'
        say 'next: look at a new one: steps.sh plan; then again: steps.sh apply'
        return 12
    fi
    git show FETCH_HEAD:plan.json >"$out/plan.json"
    code=0
    runner apply "$out/plan.json" --lock-timeout "$wait" \
        --report "markdown=$out/apply.md" --report "html=$out/apply.html" --report "junit=$out/apply.xml" "$@" || code=$?
    case $code in # a plan that was begun is spent; one that was refused may be applied later
    0 | 14 | 15) git push --quiet --delete "$remote" "$(reference)" || say 'the plan is spent, and could not be removed from git' ;;
    esac
    return "$code"
}

drift() {
    code=0
    runner status --refresh --short --lock-timeout "$wait" \
        --report "markdown=$out/drift.md" --report "html=$out/drift.html" "$@" || code=$?
    [ "$code" = 0 ] || return "$code"
    runner plan --no-refresh --detailed-exitcode --short "$@"
}

step=${1:-}
[ "$#" = 0 ] || shift
case $step in
validate) runner validate "$@" ;;
plan | apply | drift)
    mkdir -p "$out"
    rm -f "$out/$step".* "$out/plan.json"
    "$step" "$@"
    ;;
*)
    say 'validate, plan, apply or drift?'
    exit 64
    ;;
esac
