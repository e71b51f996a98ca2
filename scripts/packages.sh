# shellcheck shell=bash
# The distribution's packages: which are missing, and how they are installed, by apt (Debian, Ubuntu) or dnf (Fedora).
# To be sourced after lib.sh. Packages go by Debian's names.

# Fedora's names, where they are others; none where it is not known to have that, and a test says what it lacks.
declare -rA RPM_NAMES=(
  [libbpf-dev]=libbpf-devel [libbpf1]=libbpf [libc6-dev]=glibc-devel [linux-libc-dev]=kernel-headers
  [linux-libc-dev-arm64-cross]='' [linux-libc-dev-amd64-cross]=''
  [iptables]='iptables-nft iptables-legacy' [iproute2]='iproute iproute-tc' [xz-utils]=xz
  [wrk]='' [conntrack]=conntrack-tools [fonts-dejavu-core]=dejavu-sans-fonts [procps]=procps-ng [libpcre2-8-0]=nginx
)
readonly BY_HAND="install clang, llvm, libbpf 1.0 or newer with its headers, bpftool, iptables, nftables, iproute2, strace, python3 with pip \
and Node 22.18 by hand, then use: npm ci --ignore-scripts && ./scripts/build"

# find_missing_packages NAME...: sets MISSING to those that have to be installed
find_missing_packages() {
  local package
  local -A installed=()
  MISSING=()
  choose_package_manager
  "installed_by_$PACKAGE_MANAGER" "$@"
  for package; do
    [[ -n ${installed[$package]:-} ]] || is_there_otherwise "$package" || MISSING+=("$package")
  done
}

choose_package_manager() {
  if command -v dpkg-query >/dev/null; then
    PACKAGE_MANAGER=apt
  elif command -v rpm >/dev/null && command -v dnf >/dev/null; then
    PACKAGE_MANAGER=dnf
  else
    fail "looking for the system's packages" "there is neither dpkg-query nor rpm with dnf" \
      "set-up knows Debian, Ubuntu and Fedora; elsewhere $BY_HAND"
  fi
}

# Sets those that are installed in `installed` of the caller.
installed_by_apt() {
  local name status
  while read -r name status; do
    [[ $status != installed ]] || installed[$name]=1
    # dpkg-query complains about (and exits 1 for) each package it never heard of: those are what we look for
  done < <(dpkg-query --show --showformat='${Package} ${db:Status-Status}\n' "$@" 2>/dev/null || true)
}

installed_by_dnf() {
  local name package names
  local -A found=()
  mapfile -t names < <(rpm_names "$@")
  # What is not there it says in words, and exits with their number.
  while read -r name; do found[$name]=1; done < <(rpm --query --queryformat '%{NAME}\n' "${names[@]}" 2>/dev/null || true)
  for package; do
    installed[$package]=1
    for name in $(rpm_names "$package"); do [[ -n ${found[$name]:-} ]] || installed[$package]=; done
  done
}

rpm_names() {
  local package name
  for package; do
    for name in ${RPM_NAMES[$package]-$package}; do printf '%s\n' "$name"; done
  done
}

# What may be there without its package: on Ubuntu bpftool is a part of linux-tools, and libbpf.so.1 may come from
# scripts/build-libbpf, with headers for this tree. What counts is whether they are of use.
is_there_otherwise() {
  case $1 in
    bpftool) links_objects bpftool ;;
    libbpf1) [[ -d build/libbpf/include ]] && has_libbpf ;;
    *) return 1 ;;
  esac
}

# Whether the dynamic loader knows one.
has_libbpf() {
  [[ $(ldconfig -p) == *"libbpf.so.1 "* ]]
}

# links_objects BPFTOOL: those before Linux 5.13 do not
links_objects() {
  [[ $("$1" gen help 2>&1) == *" object "* ]]
}

# install_packages NAME...: without those that there are none of, in ABSENT
install_packages() {
  ((EUID == 0)) || fail "installing packages" "you are not root and these are missing: $*" "run ./scripts/setup as root once, or install them"
  ABSENT=()
  "install_by_$PACKAGE_MANAGER" "$@"
}

install_by_dnf() {
  local names
  mapfile -t names < <(rpm_names "$@")
  step "installing ${#names[@]} packages" "read dnf's messages above; once 'dnf install ${names[*]}' works, run ./scripts/setup again" \
    dnf --assumeyes --setopt=install_weak_deps=False install "${names[@]}"
}

install_by_apt() {
  local package packages=()
  step "updating the package lists" "read apt's messages above; is there a network, and is /etc/apt/sources.list right?" apt_get update
  for package; do
    case $package in
      bpftool) if apt_has bpftool; then packages+=(bpftool); else ubuntu_tools; fi ;;
      # Ubuntu 22.04 and Debian 11 have libbpf 0.x: scripts/build-libbpf makes one
      libbpf1) if apt_has libbpf1; then packages+=(libbpf1); else ABSENT+=(libbpf1); fi ;;
      *) packages+=("$package") ;;
    esac
  done
  ((${#packages[@]} > 0)) || return 0
  step "installing ${#packages[@]} packages" "read apt's messages above; once 'apt-get install ${packages[*]}' works, run ./scripts/setup again" \
    apt_get install --no-install-recommends "${packages[@]}"
  if [[ " $* " == *" bpftool "* ]] && ! links_objects bpftool; then link_bpftool; fi
}

apt_get() {
  DEBIAN_FRONTEND=noninteractive apt-get --quiet --yes -o DPkg::Lock::Timeout=300 "$@"
}

# A virtual package (bpftool on Ubuntu 24.04) has no record.
apt_has() {
  local records
  records=$(apt-cache show --no-all-versions "$1" 2>/dev/null) || records=
  [[ $records == *"Package: $1"* ]]
}

# Adds what holds bpftool on Ubuntu to `packages` of the caller. That of 20.04's own kernel cannot link objects.
ubuntu_tools() {
  packages+=(linux-tools-common linux-tools-generic)
  if apt_has linux-tools-generic-hwe-20.04; then packages+=(linux-tools-generic-hwe-20.04); fi
}

# Ubuntu's /usr/sbin/bpftool is a script that wants the one built with the running kernel, although any will do.
link_bpftool() {
  local candidate
  for candidate in /usr/lib/linux-tools/*/bpftool /usr/lib/linux-tools-*/bpftool; do
    if [[ -x $candidate ]] && links_objects "$candidate"; then
      mkdir -p build/bin
      ln -sfn "$candidate" build/bin/bpftool
      return
    fi
  done
  fail "looking for bpftool" "none below /usr/lib/linux-tools can link objects" \
    "install a bpftool that can ('bpftool gen help' names 'object'; Linux 5.13 and newer) and run ./scripts/setup again"
}
