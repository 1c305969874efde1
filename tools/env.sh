# Sourced by the scripts in tools/: where setup puts what does not come from Debian.
# shellcheck shell=bash
DAEMONEYE_NPM_DIR=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/daemoneye/npm
export DAEMONEYE_NPM_DIR
PATH=$DAEMONEYE_NPM_DIR/node_modules/.bin:$PATH
