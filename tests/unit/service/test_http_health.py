import asyncio
import subprocess
import sys

from tests.unit.service.apis import Api, an_api


def test_the_service_lives_whatever_it_serves(api: Api) -> None:
    assert api.client.get("/healthz").json() == {"status": "ok"}


def test_a_service_without_a_champion_is_ready_to_take_the_first(api: Api) -> None:
    answer = api.client.get("/readyz")

    assert (answer.status_code, answer.json()) == (200, {"status": "ready", "champions": {"churn": None, "other": None}, "problems": {}})


def test_a_service_whose_champion_answers_is_ready(api: Api) -> None:
    api.promoted(1)

    assert api.client.get("/readyz").json()["champions"]["churn"] == 1


def test_a_new_champion_that_cannot_be_loaded_leaves_the_service_ready_and_says_so(api: Api) -> None:
    api.promoted(1)
    api.book.tampered.add(2)
    api.promoted(2, previous=1)

    answer = api.client.get("/readyz")

    assert (answer.status_code, answer.json()["status"], answer.json()["champions"]["churn"]) == (200, "degraded", 1)
    assert "not the one registered" in answer.json()["problems"]["churn"]


def test_a_service_without_any_answer_to_give_is_not_ready(api: Api) -> None:
    api.book.tampered.add(1)
    api.promoted(1)

    answer = api.client.get("/readyz")

    assert (answer.status_code, answer.json()["status"]) == (503, "not_ready")


def test_status_says_what_serves_what_waits_and_since_when(api: Api) -> None:
    api.book.aliases = {("churn", "candidate"): 2, ("churn", "champion"): 1}
    api.promoted(1)

    churn, other = api.client.get("/v1/status").json()["models"]

    assert (churn["champion"], churn["candidate"], churn["alarms"], other["champion"]) == (1, 2, [], None)
    assert churn["since"] == api.ledger.stored[1].at.isoformat()


def test_an_alias_that_was_moved_is_an_alarm(api: Api) -> None:
    api.promoted(1)
    api.book.aliases = {("churn", "champion"): 3}

    churn = api.client.get("/v1/status").json()["models"][0]

    assert churn["alarms"] == ["the MLflow alias champion points to 3, the ledger to 1"]


def test_at_its_end_the_service_closes_what_it_opened(api: Api) -> None:
    async def run() -> None:
        async with api.app.router.lifespan_context(api.app):
            pass

    asyncio.run(run())

    assert api.jobs.closed


def test_building_the_api_imports_no_heavy_library(tmp_path: object) -> None:
    heavy = ["mlflow", "evidently", "xgboost", "sklearn", "scipy", "matplotlib", "pandas", "dbos"]
    script = (
        "import sys, pathlib\n"
        "import driftgate.service.processes, driftgate.service.bootstrap\n"
        "from driftgate.service.http.app import create_app\n"
        "from driftgate.service.settings import load\n"
        "from driftgate.service.bootstrap import wire\n"
        "parts = wire(load(pathlib.Path(sys.argv[1])), print)\n"
        "create_app(parts.parts()).openapi()\n"
        "parts.close()\n"
        f"print([name for name in {heavy!r} if name in sys.modules])\n"
    )
    an_api(tmp_path).engine.dispose()

    ran = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, timeout=60, check=False)

    assert (ran.returncode, ran.stdout.splitlines()[-1:]) == (0, ["[]"]), ran.stderr
