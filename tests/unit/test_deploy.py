"""What deploy/ holds fits the project: files that are copied exist, commands parse, units are valid."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import click
import pytest
import yaml

from preseason.cli.main import program
from preseason.cli.verbs import VERBS
from preseason.serving import listing, ray_serve
from preseason.serving.guard import OPEN
from preseason.serving.server import FINISH_S

ROOT = Path(__file__).parents[2]
UNITS = sorted((ROOT / "deploy").glob("*.service"))
CONTAINER = (ROOT / "deploy/Containerfile").read_text("utf-8")


def test_what_the_image_copies_exists_and_is_not_ignored() -> None:
    kept = (ROOT / "deploy/Containerfile.dockerignore").read_text("utf-8")
    copied = [
        name for line in re.findall(r"^COPY (?!--from)(.+)$", CONTAINER, re.M) for name in line.split()[:-1]
    ]
    assert "src" in copied
    for name in copied:
        assert (ROOT / name).exists()
        assert f"!{name}\n" in kept


def test_the_image_runs_without_root_and_names_no_host() -> None:
    final = CONTAINER.rpartition("FROM ")[2]
    assert re.search(r"^USER 10001", final, re.M)
    assert not re.search(r"https?://(?!127\.0\.0\.1)", CONTAINER)
    assert "pip install" not in final


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_the_command_of_a_unit_parses(unit: Path) -> None:
    command = re.search(r"^ExecStart=(.+)$", unit.read_text("utf-8"), re.M)
    assert command
    binary, name, *arguments = shlex.split(command[1])
    assert binary == "/opt/preseason/bin/preseason"
    assert name in VERBS
    with click.Context(program):
        VERBS.get(name).make_context(name, arguments)


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")
@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_systemd_takes_a_unit(unit: Path, tmp_path: Path) -> None:
    text = unit.read_text("utf-8").replace("/opt/preseason/bin/preseason", "/usr/bin/true")
    (tmp_path / unit.name).write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", str(tmp_path / unit.name)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr.strip()


def test_the_kubernetes_manifest_fits_the_application_and_the_image() -> None:
    deployment, service = yaml.safe_load_all((ROOT / "deploy/kubernetes.yaml").read_text("utf-8"))
    pod = deployment["spec"]["template"]
    (container,) = pod["spec"]["containers"]
    name, *arguments = container["args"]
    with click.Context(program):
        given = VERBS.get(name).make_context(name, list(arguments)).params
    (port,) = container["ports"]
    assert given["port"] == port["containerPort"]
    assert given["read_only"]
    paths = {route.path for route in listing.router.routes}
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        asked = container[probe]["httpGet"]
        assert asked["path"] in paths
        assert asked["path"] in OPEN  # probes carry no key
        assert asked["port"] == port["name"]
    assert pod["spec"]["terminationGracePeriodSeconds"] > FINISH_S + 5
    assert (
        service["spec"]["selector"]
        == deployment["spec"]["selector"]["matchLabels"]
        == pod["metadata"]["labels"]
    )
    assert service["spec"]["ports"][0]["targetPort"] == port["name"]


def test_the_kubernetes_manifest_leaves_little_to_write_and_bounds_what_is_used() -> None:
    deployment, _ = yaml.safe_load_all((ROOT / "deploy/kubernetes.yaml").read_text("utf-8"))
    pod = deployment["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["securityContext"]["readOnlyRootFilesystem"]
    assert container["securityContext"]["capabilities"]["drop"] == ["ALL"]
    assert f"USER {pod['securityContext']['runAsUser']}:" in CONTAINER
    assert {"cpu", "memory"} <= set(container["resources"]["limits"])
    writable = {each["mountPath"] for each in container["volumeMounts"] if not each.get("readOnly")}
    assert writable == {"/cache", "/tmp"}
    volumes = {each["name"]: each for each in pod["volumes"]}
    assert {each["name"] for each in container["volumeMounts"]} == set(volumes)


def test_the_configuration_of_ray_serve_fits_the_application() -> None:
    deployed = yaml.safe_load((ROOT / "deploy/ray-serve.yaml").read_text("utf-8"))
    assert deployed["http_options"]["host"] == "127.0.0.1"
    (application,) = deployed["applications"]
    module, name = application["import_path"].split(":")
    assert module == ray_serve.__name__
    assert callable(getattr(ray_serve, name))
    assert ray_serve.Arguments(**application["args"]).models
    assert [each["name"] for each in application["deployments"]] == [ray_serve.NAME]
    with pytest.raises(ValueError, match="replicas"):
        ray_serve.Arguments(**application["args"], replicas=2)
