#!/bin/sh
# Installs the system's packages that the tests use, where that is permitted and they are missing.
# Never fails: the suite itself names what is still missing and the tests that did not run for it.

PATH="$PATH:/usr/sbin:/usr/local/sbin"
missing=""
command -v mosquitto >/dev/null || missing="$missing mosquitto"
command -v mosquitto_pub >/dev/null || missing="$missing mosquitto-clients"
command -v chromium-headless-shell >/dev/null || command -v chromium >/dev/null ||
  command -v chromium-browser >/dev/null || missing="$missing chromium-headless-shell"
[ -x /usr/lib/rabbitmq/bin/rabbitmq-server ] || missing="$missing rabbitmq-server"
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
install_one() {
  $as_root DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "$1" >/dev/null
}
for package in $missing; do
  # One by one: a package that this system does not have must not keep the others out.
  install_one "$package" && continue
  # Where the browser without windows is not to be had, the whole one does as well.
  [ "$package" = chromium-headless-shell ] && install_one chromium && continue
  echo "$package could not be installed." >&2
done
exit 0
