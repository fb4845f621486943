#!/usr/bin/env bash
# Makes a small Python base image from Debian packages, for where no image registry is reachable.
set -euo pipefail

usage() {
    cat <<'USAGE'
Usage: docker/make_base.sh [--suite SUITE] [--mirror URL] [TAG]

Makes a Debian image with Python 3 by debootstrap and `docker import`, and tags it TAG
(default: nn-lab-base:latest). Needs root, debootstrap and a running Docker.

  --suite SUITE   Debian release to install (default: this host's, or bookworm)
  --mirror URL    package mirror (default: the one in this host's apt configuration)
USAGE
}

# What happened, then what to do about it.
die() {
    printf 'make_base: %s\n' "$1" >&2
    printf '           %s\n' "$2" >&2
    exit 1
}

refuse() {
    printf 'make_base: %s\n' "$1" >&2
    usage >&2
    exit 2
}

host_suite() {
    local codename=''
    if grep -q '^ID=debian$' /etc/os-release 2>/dev/null; then
        codename=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
    fi
    echo "${codename:-bookworm}"
}

# apt itself reads its sources, so one-line and deb822 files are both understood. Prints nothing
# where apt has no source for the suite; debootstrap then takes its own default.
host_mirror() {
    command -v apt-get >/dev/null || return 0
    apt-get indextargets --format '$(RELEASE)|$(CODENAME)|$(COMPONENT)|$(ORIGIN)|$(REPO_URI)' \
        'Created-By: Packages' 2>/dev/null |
        awk -F'|' -v suite="$1" '
            !found && ($1 == suite || $2 == suite) && $3 == "main" && ($4 == "Debian" || $4 == "") {
                print $5
                found = 1
            }'
}

# debootstrap downloads by wget, which knows nothing of apt's proxy.
use_apt_proxy() {
    local proxy=''
    command -v apt-config >/dev/null || return 0
    eval "$(apt-config shell proxy Acquire::http::Proxy)"
    if [[ -n $proxy && $proxy != DIRECT && -z ${http_proxy:-} ]]; then
        export http_proxy=$proxy
    fi
}

suite=''
mirror=''
tag=nn-lab-base:latest
while (($#)); do
    case $1 in
        -h | --help) usage && exit 0 ;;
        --suite) suite=${2:-} && shift 2 || refuse "$1 needs a value." ;;
        --mirror) mirror=${2:-} && shift 2 || refuse "$1 needs a value." ;;
        -*) refuse "$1 is no option of this script." ;;
        *) tag=$1 && shift ;;
    esac
done
suite=${suite:-$(host_suite)}
mirror=${mirror:-$(host_mirror "$suite")}

# /usr/sbin is where debootstrap lives, and not on every root's PATH.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
((EUID == 0)) ||
    die 'debootstrap needs root, and this is not root.' 'Run it again with sudo.'
command -v debootstrap >/dev/null ||
    die 'debootstrap is not installed.' 'Install it: apt-get install debootstrap.'
command -v docker >/dev/null ||
    die 'The docker command is not installed.' 'Install it: apt-get install docker.io.'
docker info >/dev/null 2>&1 ||
    die 'The Docker daemon does not answer.' 'Start it: systemctl start docker, or dockerd &.'

work=$(mktemp -d "${TMPDIR:-/tmp}/nn-lab-base.XXXXXXXX")
root=$work/root
cleanup() {
    # A debootstrap that was interrupted leaves these mounted.
    umount --quiet "$root/proc" "$root/sys" 2>/dev/null || true
    rm -rf --one-file-system "$work"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

echo "make_base: installing Debian $suite from ${mirror:-the default mirror}" >&2
use_apt_proxy
# libstdc++6 is what numpy's, scipy's and matplotlib's wheels expect of a system besides glibc;
# they carry their own OpenBLAS, libgomp and FreeType.
if ! debootstrap --variant=minbase --include=python3,libstdc++6 \
    "$suite" "$root" ${mirror:+"$mirror"} >"$work/log" 2>&1; then
    tail -n 15 "$work/log" >&2
    if [[ -f $root/debootstrap/debootstrap.log ]]; then
        tail -n 15 "$root/debootstrap/debootstrap.log" >&2
    fi
    die "debootstrap could not install Debian $suite (its last lines are above)." \
        'Check the network, or name a mirror: docker/make_base.sh --mirror URL.'
fi

chroot "$root" python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    die "Debian $suite has a Python older than 3.11." 'Use a newer one: --suite bookworm.'
# Official Python images have `python`; Debian's package does not.
[[ -e $root/usr/bin/python ]] || ln -s /usr/bin/python3 "$root/usr/local/bin/python"

# Nothing is ever installed into a sandbox by apt, and nobody reads manuals there. Licences stay.
rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/* "$root"/var/cache/debconf/* \
    "$root"/var/log/* "$root"/tmp/* "$root"/usr/share/{man,info,locale,lintian,bug}/*
find "$root/usr/share/doc" -type f ! -name copyright -delete
find "$root/usr/share/doc" -depth -type d -empty -delete
# The host's own names and resolvers are no business of an image.
rm -f "$root/etc/resolv.conf" "$root/etc/hostname"

tar --create --numeric-owner --one-file-system --directory "$root" . |
    docker import \
        --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' \
        --change 'ENV LANG=C.UTF-8' \
        --change 'CMD ["python3"]' \
        --message "Debian $suite with Python, by docker/make_base.sh" \
        - "$tag" >/dev/null
echo "make_base: made $tag" >&2
