# shellcheck shell=bash
# Debian's kernels as packages, fetched by apt and unpacked into a cache: for scripts/test-kernels, which sources this after lib.sh and
# sets CACHE.

# The release of Debian that has it.
declare -rA SUITES=([5.10]=bullseye [6.1]=bookworm [6.12]=trixie [7]=trixie-backports)

# Sets KERNEL_ROOT to where the kernel's package was unpacked.
fetch_kernel() {
  KERNEL_ROOT=$CACHE/$1/root
  if [[ ! -f $CACHE/$1/ready ]]; then
    step "fetching Linux $1" "read the messages above; Debian's mirror must be reachable; remove $CACHE/$1 and try again" \
      unpack_kernel "$1"
  fi
  if [[ ! -x $CACHE/tools/root/bin/busybox ]]; then
    step "fetching busybox" "read the messages above; 'apt-get download busybox-static' must work" \
      fetch_packages "$CACHE/tools" busybox-static
  fi
}

unpack_kernel() {
  local directory=$CACHE/$1 image parts
  rm -rf "$directory"
  configure_apt "$directory" "${SUITES[$1]}"
  export APT_CONFIG=$directory/apt.conf
  apt-get --quiet update
  # The package of this name is empty, and depends on the newest one; in Debian 14 that one, too, on its parts.
  image=$(apt-cache depends linux-image-amd64 | sed -n 's/^ *Depends: \(linux-image-[0-9]\)/\1/p' | head -n 1)
  mapfile -t parts < <(apt-cache depends "$image" | sed -n 's/^ *Depends: \(linux-\(base\|binary\|modules\)-[0-9]\)/\1/p')
  fetch_packages "$directory" "$image" "${parts[@]}"
  # Compressed modules would have to be decompressed in the guest, which is slower.
  find "$directory/root" -name '*.ko.xz' -print0 | xargs --null --no-run-if-empty --max-procs=2 --max-args=200 xz --decompress
  rm -rf "$directory/apt" "$directory"/*.deb
  touch "$directory/ready"
}

# fetch_packages DIRECTORY PACKAGE...: unpacks them into DIRECTORY/root
fetch_packages() {
  local package
  mkdir -p "$1/root"
  cd "$1"
  rm -f -- *.deb
  apt-get --quiet -o APT::Sandbox::User=root download "${@:2}"
  for package in *.deb; do dpkg -x "$package" root; done
  cd "$ROOT"
}

# Configures apt, for this once, for another release on the mirrors that this machine uses for its own.
configure_apt() {
  local directory=$1 suite=$2 uri release codename component
  mkdir -p "$directory/apt/lists/partial" "$directory/apt/cache/archives/partial"
  while read -r uri release codename component; do
    # bookworm and bookworm-security; not bookworm-updates or bookworm-backports
    [[ $release == "${codename%%-*}" || ($release == *-security && $suite != *-backports) ]] || continue
    printf 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s %s %s\n' \
      "$uri" "${release/#"${codename%%-*}"/$suite}" "$component"
  done < <(apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(CODENAME) $(COMPONENT)' 'Created-By: Packages' 'Component: main' |
    sort --unique) >"$directory/apt/sources.list"
  cat >"$directory/apt.conf" <<END
Dir::Etc::SourceList "$directory/apt/sources.list";
Dir::Etc::SourceParts "/dev/null";
Dir::State::Lists "$directory/apt/lists";
Dir::Cache "$directory/apt/cache";
APT::Sandbox::User "root";
APT::Architecture "amd64";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
Acquire::Languages "none";
END
}
