import os
from datetime import timedelta
from pathlib import Path

import pytest

from runner.core.errors import InvalidInput
from runner.core.orders import KeySource
from runner.files.panels import load_panels, read_key

HEAD = "version: 1\npanels:\n"
SECRET = "hunter2-0123456789abcdef"


@pytest.fixture
def load(project):
    def write_and_load(body, head=HEAD):
        Path("panels.yaml").write_text(head + body)
        return load_panels(Path("panels.yaml"))[:2]

    return write_and_load


def test_a_whole_profile_is_read_as_written(load):
    profiles, diagnostics = load(
        """\
  smmkings:
    url: https://smmkings.com/api/v2
    key: {env: SMMKINGS_API_KEY}
    currency: USD
    parallel: {add: 8, read: 2}
    rate: {add: 60/min, status: 2/s, status_per_day: 5000}
    timeout: {connect: 5s, read: 2m}
    exclusive: true
    settle: 1h
    refusals: ["solde insuffisant"]
"""
    )
    assert diagnostics == ()
    profile = profiles["smmkings"]
    assert (profile.name, profile.url, profile.currency) == ("smmkings", "https://smmkings.com/api/v2", "USD")
    assert profile.key == KeySource(env="SMMKINGS_API_KEY")
    assert (profile.parallel_add, profile.parallel_read) == (8, 2)
    assert (profile.add_per_minute, profile.status_per_minute) == (60.0, 120.0)
    assert profile.status_per_day == 5000
    assert (profile.connect_timeout, profile.read_timeout) == (5.0, 120.0)
    assert profile.exclusive is True
    assert profile.settle == timedelta(hours=1)
    assert profile.refusals == ("solde insuffisant",)


def test_url_and_key_are_enough_and_a_key_file_is_relative_to_the_profile_file(project):
    (project / "sub").mkdir()
    (project / "sub" / "panels.yaml").write_text(HEAD + "  a: {url: https://a.example/, key: {file: keys/a}}\n")
    profiles, diagnostics, _ = load_panels(Path("sub/panels.yaml"))
    assert diagnostics == ()
    assert profiles["a"].key == KeySource(file="sub/keys/a")
    assert profiles["a"].settle == timedelta(minutes=10)
    assert profiles["a"].add_per_minute is None


def test_no_file_means_no_profiles(project):
    assert load_panels(Path("none.yaml")) == ({}, (), frozenset())


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:8080/api/v2",
        "http://127.0.0.1/",
        "http://127.9.9.9:1/",
        "http://[::1]:80/api",
        "https://panel.example/api.php?v=2",
    ],
)
def test_https_anywhere_and_http_on_loopback(load, url):
    profiles, diagnostics = load(f"  a: {{url: '{url}', key: {{env: K}}}}\n")
    assert diagnostics == ()
    assert profiles["a"].url == url


@pytest.mark.parametrize(
    ("panel", "code", "words"),
    [
        ("url: http://panel.example/api, key: {env: K}", "url", "must begin with https://"),
        ("url: http://128.0.0.1/api, key: {env: K}", "url", "must begin with https://"),
        ("url: http://localhost.evil.example/, key: {env: K}", "url", "must begin with https://"),
        ("url: http://127.0.0.1.evil.example/, key: {env: K}", "url", "must begin with https://"),
        (f"url: 'https://u:{SECRET}@panel.example/api', key: {{env: K}}", "url", "user name or password"),
        (f"url: 'ftp://u:{SECRET}@panel.example/api', key: {{env: K}}", "bad-format", "`panels.a.url`"),
        ("url: 'https://panel.example/#x', key: {env: K}", "url", "behind `#`"),
        ("url: panel.example, key: {env: K}", "bad-format", "whole address"),
        ("key: {env: K}", "missing-key", "`url` is missing in `panels.a`"),
        ("url: https://a.example/", "missing-key", "add `key: {env: PANEL_API_KEY}`"),
        (f"url: https://a.example/, key: {SECRET}", "wrong-type", "the key itself never stands in a file"),
        (
            f"url: https://a.example/, key: {{value: {SECRET}}}",
            "missing-key",
            "add `env: PANEL_API_KEY` or `file: panel.key`",
        ),
        ("url: https://a.example/, key: {}", "missing-key", "`env` is missing"),
        ("url: https://a.example/, key: {env: A, file: b}", "exclusive-keys", "`env` and `file` exclude each other"),
        (f"url: https://a.example/, key: {{env: {SECRET}}}", "bad-format", "name of an environment variable"),
        ("url: https://a.example/, key: {env: K}, currency: dollars of the United States", "bad-format", "such as USD"),
        ("url: https://a.example/, key: {env: K}, parallel: {add: 0}", "out-of-range", "from 1 to 256"),
        ("url: https://a.example/, key: {env: K}, parallel: {adds: 1}", "unknown-key", "did you mean `add`?"),
        ("url: https://a.example/, key: {env: K}, rate: {add: 60}", "wrong-type", "60/min"),
        ("url: https://a.example/, key: {env: K}, rate: {add: 60/day}", "bad-format", "60/min"),
        ("url: https://a.example/, key: {env: K}, rate: {status_per_day: 0}", "out-of-range", "such as 5000"),
        ("url: https://a.example/, key: {env: K}, rate: {status_per_day: 5000/day}", "wrong-type", "such as 5000"),
        ("url: https://a.example/, key: {env: K}, timeout: {read: 90}", "wrong-type", "10s"),
        ("url: https://a.example/, key: {env: K}, exclusive: yes", "wrong-type", "true or false"),
        ("url: https://a.example/, key: {env: K}, settle: 10", "wrong-type", "10m"),
        ("url: https://a.example/, key: {env: K}, refusals: ['']", "bad-format", "4 to 200"),
        ("url: https://a.example/, key: {env: K}, setle: 10m", "unknown-key", "did you mean `settle`?"),
    ],
)
def test_what_is_wrong_with_a_panel_is_told_and_what_may_be_secret_is_not(load, panel, code, words):
    profiles, diagnostics = load(f"  good: {{url: https://good.example/, key: {{env: K}}}}\n  a: {{{panel}}}\n")
    assert list(profiles) == ["good"]
    assert code in [d.code for d in diagnostics]
    assert all((d.file, d.line) == ("panels.yaml", 4) for d in diagnostics)
    told = " ".join(d.message for d in diagnostics)
    assert words in told
    assert SECRET not in told


def test_the_sandbox_is_built_in(load):
    profiles, (found,) = load("  sandbox: {url: https://a.example/, key: {env: K}}\n")
    assert profiles == {}
    assert (found.line, found.column, found.code) == (3, 3, "reserved-name")


def test_a_bad_name_is_told_at_its_key(load):
    _, (found,) = load("  'a b': {url: https://a.example/, key: {env: K}}\n")
    assert (found.line, found.column, found.code) == (3, 3, "bad-format")
    assert "the name `a b` in `panels` must be" in found.message


def test_no_panels_yet_is_fine(load):
    assert load("") == ({}, ())


@pytest.mark.parametrize(
    ("text", "line", "code"),
    [
        ("", 1, "empty-file"),
        ("version: 2\npanels: {}\n", 1, "bad-choice"),
        ("version: 1\n", 1, "missing-key"),
        ("version: 1\npanels: [\n", 3, "yaml"),
        ("a: \0", 1, "encoding"),
    ],
)
def test_a_broken_file_is_a_diagnostic(load, text, line, code):
    profiles, diagnostics = load(text, head="")
    assert profiles == {}
    assert (line, code) in [(d.line, d.code) for d in diagnostics]


def test_a_key_comes_from_the_environment():
    assert read_key(KeySource(env="K"), "a", {"K": SECRET}).reveal() == SECRET
    assert read_key(KeySource(env="K"), "a", {"K": SECRET + "\n"}).reveal() == SECRET


def test_the_process_environment_is_the_usual_one(monkeypatch):
    monkeypatch.setenv("SOME_PANEL_KEY", SECRET)
    assert read_key(KeySource(env="SOME_PANEL_KEY"), "a").reveal() == SECRET


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({}, "K is not set"),
        ({"K": ""}, "is empty"),
        ({"K": "\n"}, "is empty"),
        ({"K": SECRET + "\n\n"}, "control characters"),
        ({"K": SECRET + "\x00"}, "control characters"),
        ({"K": " " + SECRET}, "spaces"),
        ({"K": SECRET + "\u200b"}, "control characters"),
    ],
)
def test_a_key_that_can_not_be_one_is_refused_unseen(environment, words):
    with pytest.raises(InvalidInput) as caught:
        read_key(KeySource(env="K"), "a", environment)
    assert words in caught.value.message
    assert caught.value.hint
    assert SECRET not in caught.value.message + caught.value.hint


@pytest.mark.parametrize("content", [SECRET, SECRET + "\n", SECRET + "\r\n"])
def test_a_key_comes_from_a_file_without_its_last_line_break(tmp_path, content):
    path = tmp_path / "key"
    path.write_bytes(content.encode())
    path.chmod(0o600)
    assert read_key(KeySource(file=str(path)), "a").reveal() == SECRET


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o620, 0o666])
def test_a_key_file_that_others_may_open_is_refused(tmp_path, mode):
    path = tmp_path / "key"
    path.write_text(SECRET)
    path.chmod(mode)
    with pytest.raises(InvalidInput, match="others may open") as caught:
        read_key(KeySource(file=str(path)), "a")
    assert "chmod 600" in caught.value.hint


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"\xff\xfe", "more or other than a key"),
        (b"a" * 5000, "more or other"),
        (b"a\nb", "several lines"),
    ],
)
def test_a_key_file_holds_a_key_and_nothing_else(tmp_path, content, words):
    path = tmp_path / "key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(InvalidInput, match=words):
        read_key(KeySource(file=str(path)), "a")


def test_a_key_file_must_be_a_file(tmp_path):
    with pytest.raises(InvalidInput, match="can't be read"):
        read_key(KeySource(file=str(tmp_path / "none")), "a")
    os.mkfifo(tmp_path / "pipe", 0o600)
    for path, kind in ((tmp_path / "pipe", "a pipe"), (tmp_path, "a folder"), (Path("/dev/zero"), "a device")):
        with pytest.raises(InvalidInput, match=f"{path} is {kind}, not a regular file"):
            read_key(KeySource(file=str(path)), "a")
    with pytest.raises(InvalidInput, match="bad name"):
        read_key(KeySource(file="a\0b"), "a")


def test_a_key_file_of_a_user_that_does_not_exist_is_a_file_that_does_not_exist(load):
    profiles, _ = load("  a: {url: https://a.example/, key: {file: ~no-such-user/key}}\n")
    with pytest.raises(InvalidInput, match="can't be read"):
        read_key(profiles["a"].key, "a")


def test_an_account_is_the_same_wherever_one_stands(project, monkeypatch):
    (project / "panels.yaml").write_text(HEAD + "  a: {url: https://a.example/, key: {file: keys/a}}\n")
    (project / "sub").mkdir()
    here = load_panels(Path("panels.yaml")).profiles
    monkeypatch.chdir(project / "sub")
    there = load_panels(Path("../panels.yaml")).profiles
    assert there["a"].account == here["a"].account
    assert there["a"].key == KeySource(file="../keys/a")


def test_a_source_that_names_nothing_is_refused():
    with pytest.raises(InvalidInput, match="no key for panel a"):
        read_key(KeySource(), "a")


def test_all_faults_of_a_profile_are_told_and_its_name_is_known(project):
    Path("panels.yaml").write_text(
        HEAD
        + """\
  one:
    url: http://panel.example/api
    key: {evn: A}
    foo: 1
  two: {url: "https://a.example/#x", key: {env: B}, settle: 1 week}
"""
    )
    profiles, diagnostics, listed = load_panels(Path("panels.yaml"))
    assert (profiles, listed) == ({}, {"one", "two"})
    assert [(one.line, one.code) for one in diagnostics] == [
        (4, "url"),
        (5, "unknown-key"),
        (6, "unknown-key"),
        (7, "url"),
        (7, "bad-format"),
    ]
    Path("panels.yaml").write_text(HEAD + "  one: {url: [\n")
    assert load_panels(Path("panels.yaml")).listed is None
