"""A price list in pages of a hundred: read on where the panel takes an offset, else told that it looks incomplete."""

import pytest

from tests.acceptance.project import Project, post

SERVICES = 250


@pytest.fixture
def project_on(bare_project: Project, serve):
    """A project on a panel that sells 250 services, with these options."""

    def started(*options: str):
        panel = serve(*options)
        for number in range(1, SERVICES + 1):
            panel.tell("services", {"service": number, "add": True, "name": f"Service {number}", "rate": "0.90"})
        bare_project.panels(panel.url)
        return bare_project, panel

    return started


def services(project: Project) -> int:
    ran = project.run("services", "served", "--format", "json")
    assert ran.code == 0, ran.err
    return len(ran.json["services"])


def test_a_list_in_pages_is_read_to_its_end(project_on):
    project, panel = project_on("--services-page", "100")
    assert services(project) == SERVICES
    assert panel.requests()["services"] == 3
    project.campaign([post(1, service=240)])
    ran = project.run("apply", "--yes")
    assert (ran.code, "incomplete" in ran.err) == (0, False)
    assert [order["service"] for order in panel.orders()] == [240]


def test_a_list_that_is_cut_is_told_once_and_a_missing_service_says_why(project_on):
    project, panel = project_on("--services-page", "100", "--no-offset")
    assert "looks incomplete" in project.run("services", "served").err
    project.campaign([post(1)])
    told = [project.run("plan").err.count("looks incomplete") for _ in range(3)]
    assert told == [1, 0, 0]
    assert panel.requests()["services"] == 2 + 4, "a state remembers that an offset does not help"
    project.campaign([post(1, service=240)])
    ran = project.run("plan")
    assert ran.code == 10
    assert "one page of more" in " ".join(ran.out.split())


@pytest.mark.parametrize("fault", [{"kind": "status_5xx"}, {"kind": "html_body"}, {"kind": "reset_before"}])
def test_a_page_that_fails_is_no_news_of_services_that_vanished(project_on, fault):
    project, panel = project_on("--services-page", "100")
    project.campaign([post(1, service=240)])
    assert project.run("plan").code == 0
    panel.fault(fault | {"action": "services", "after": 1})
    failed = project.run("plan", "--format", "json")
    assert failed.code != 10, "the service has not gone"
    panel.fault()
    assert project.run("plan").code == 0
    changes = project.run("services", "served", "--diff", "--format", "json")
    assert changes.code == 0
    assert "gone" not in changes.out
