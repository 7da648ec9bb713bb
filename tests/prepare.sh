#!/bin/sh
# Installs the system's packages that the tests use, where that is permitted and they are missing.
# Never fails: the suite itself names what is still missing and the tests that did not run for it.

PATH="$PATH:/usr/sbin:/usr/local/sbin"
missing=""
command -v mosquitto >/dev/null || missing="$missing mosquitto"
command -v mosquitto_pub >/dev/null || missing="$missing mosquitto-clients"
command -v chromium >/dev/null || command -v chromium-browser >/dev/null ||
  missing="$missing chromium"
[ -z "$missing" ] && exit 0

command -v apt-get >/dev/null || exit 0
if [ "$(id -u)" -eq 0 ]; then
  as_root="env"
elif sudo -n true 2>/dev/null; then
  as_root="sudo -n env"
else
  exit 0
fi

echo "Installing for the tests:$missing"
export DEBIAN_FRONTEND=noninteractive
$as_root apt-get update -qq || echo "The package lists could not be refreshed." >&2
for package in $missing; do
  # One by one: a package that this system does not have must not keep the others out.
  $as_root DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "$package" >/dev/null ||
    echo "$package could not be installed." >&2
done
exit 0
