#!/bin/sh
# Makes .venv with everything that requirements.lock names, checked by hash. Needs Python 3.11 to 3.13 with venv, nothing else.
set -eu
cd "$(dirname "$0")/.."

usable() {
  "$1" -c 'import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' >/dev/null 2>&1
}

echo "set-up 1/4: looking for Python 3.11 to 3.13 with venv"
chosen=""
for candidate in ${PYTHON:-python3 python3.12 python3.11 python3.13}; do
  if usable "$candidate"; then chosen=$candidate; break; fi
done
if [ -z "$chosen" ]; then
  echo "error: no Python 3.11, 3.12 or 3.13 with venv and ensurepip on the path" >&2
  echo "Next: install one (on Debian: apt-get install python3-venv), or name it: make PYTHON=/path/to/python3.12 setup" >&2
  exit 1
fi
echo "set-up 2/4: virtual environment with $("$chosen" --version)"
"$chosen" -m venv --clear .venv
echo "set-up 3/4: uv"
.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement bootstrap.lock
echo "set-up 4/4: locked packages and the project (some 600 MB the first time)"
.venv/bin/python -m uv pip install --quiet --python .venv/bin/python --require-hashes --compile-bytecode --requirement requirements.lock
.venv/bin/python -m uv pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation --editable .
touch .venv/.set-up
