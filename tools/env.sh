# Sourced by the scripts in tools/: where setup puts what does not come from Debian. No name here begins with DAEMONEYE_:
# the servers refuse those that are no setting of theirs.
# shellcheck shell=bash
NPM_PACKAGES_DIR=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/daemoneye/npm
export NPM_PACKAGES_DIR
PATH=$NPM_PACKAGES_DIR/node_modules/.bin:$PATH
