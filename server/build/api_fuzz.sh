#!/usr/bin/env bash
# api_fuzz.sh [ARGUMENTS OF SCHEMATHESIS]: a real server with a password, and Schemathesis against its own OpenAPI document with a token:
# no server error, and no answer that the document does not have. Same requests each time; some minutes.
# The server has no model and no hub: nothing is fetched and no study can train.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/paths.sh"
program=${RANKSCOPE_PROGRAM:-$CARGO_TARGET_DIR/debug/rankscope-under-test}
tests=$checkout/tests/api_fuzz

# installed again only when the pins have changed
packages=$cache/api-fuzz/$(sha256sum "$tests/requirements.txt" | cut -c1-12)-$(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')
if [ ! -e "$packages/.installed" ]; then
  rm -rf "$cache/api-fuzz"
  python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --target "$packages" -r "$tests/requirements.txt" >&2 ||
    { echo "api_fuzz: pip could not install $tests/requirements.txt. Is there a network?" >&2; exit 1; }
  touch "$packages/.installed"
fi

work=$(mktemp -d)
server=
cleanup() {
  [ -z "$server" ] || { kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; }
  rm -rf "$work"
}
trap cleanup EXIT
mkdir "$work/home" "$work/data"
# nothing of the caller's: no settings, no models, and a hub at a port where nobody listens
rankscope=(env -i PATH="$PATH" HOME="$work/home" HF_ENDPOINT=http://127.0.0.1:9 RANKSCOPE_MODELS_DIR="$work/models"
  RANKSCOPE_DEFAULT_MODEL="$work/none.gguf" "$program")
cd "$work"
head -c 24 /dev/urandom | base64 | "${rankscope[@]}" password set --stdin --data-dir "$work/data" >/dev/null
token=$("${rankscope[@]}" token add fuzz --scope write --data-dir "$work/data" 2>/dev/null)
"${rankscope[@]}" models add "$checkout/tests/reference/llama_tiny" >/dev/null 2>&1
"${rankscope[@]}" serve --address 127.0.0.1:0 --data-dir "$work/data" >"$work/first_line" 2>"$work/log" &
server=$!
for _ in $(seq 300); do
  grep -q http:// "$work/first_line" && break
  kill -0 "$server" 2>/dev/null || { cat "$work/log" >&2; exit 1; }
  sleep 0.1
done
url=$(sed -n 's/.*\(http:\/\/[^ ]*\).*/\1/p' "$work/first_line")
# a round of labels that somebody has begun, so that what is behind its address is tried too
round=$(python3 - "$url/api/v1/studies/example/rounds" "$token" <<'PYTHON'
import json, sys, urllib.request

def post(address, body):
    headers = {"Authorization": f"Bearer {sys.argv[2]}", "Content-Type": "application/json"}
    return json.load(urllib.request.urlopen(urllib.request.Request(address, json.dumps(body).encode(), headers)))

round = post(sys.argv[1], {"items": 20})["id"]
post(f"{sys.argv[1]}/{round}/annotators", {"name": "0", "agreed": True})
print(round)
PYTHON
)

code=0
RANKSCOPE_FUZZ_ROUND="$round" PYTHONPATH="$packages" SCHEMATHESIS_HOOKS="hooks" PYTHONDONTWRITEBYTECODE=1 \
  python3 -c 'import sys; sys.path.insert(0, sys.argv.pop(1)); from schemathesis.cli import schemathesis; schemathesis(prog_name="schemathesis")' "$tests" \
  run "$url/api/v1/openapi.json" --header "Authorization: Bearer $token" \
  --checks not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance \
  --phases examples,coverage,fuzzing --max-examples 20 --seed 20240528 --generation-deterministic \
  --generation-with-security-parameters false --request-timeout 60 --max-failures 20 --warnings off --no-color "$@" || code=$?
# the program ends by itself only if something went wrong in it
if ! kill -0 "$server" 2>/dev/null || grep -qE 'panicked| ERROR ' "$work/log"; then
  echo "api_fuzz: the server's log tells of an error:" >&2
  grep -E 'panicked| ERROR ' "$work/log" | head -n 20 >&2 || tail -n 20 "$work/log" >&2
  code=1
fi
exit "$code"
