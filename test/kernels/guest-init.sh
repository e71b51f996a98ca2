#!/tools/busybox sh
# The first process of a guest: mounts the machine's /usr and the project, both read-only, runs the checks, first where only
# cgroup v1 is mounted, then with cgroup2, and ends the machine. Their rows go to the second serial port, everything else
# to the first one. The kernel's command line says where the checks are, and how much is tried: checks=FILE tried=brief|whole.

box=/tools/busybox

# To QEMU's isa-debug-exit: it ends with the status 2 * $1 + 1.
end() {
  printf "\\$(printf '%03o' "$1")" | $box dd of=/dev/port bs=1 seek=$((0xf4)) conv=notrunc 2>/dev/null
  $box poweroff -f
}

must() {
  "$@" && return
  echo "init: failed: $*"
  end 1
}

# Those that this kernel has; not net_cls and net_prio, which put sockets out of cgroup2's reach for good before 5.15.
mount_cgroup_v1() {
  must $box mount -t tmpfs cgroup /sys/fs/cgroup
  mounted=
  for controller in cpu cpuacct memory pids devices freezer blkio; do
    $box mkdir /sys/fs/cgroup/$controller
    if $box mount -t cgroup -o $controller cgroup /sys/fs/cgroup/$controller 2>/dev/null; then
      mounted="$mounted $controller"
    else
      $box rmdir /sys/fs/cgroup/$controller
    fi
  done
  must test -n "$mounted"
  echo "init: cgroup v1:$mounted"
}

unmount_cgroup_v1() {
  for controller in $mounted; do
    must $box umount /sys/fs/cgroup/$controller
  done
  must $box umount /sys/fs/cgroup
}

try() {
  node "$checks" "$1" "$extent" >/dev/ttyS1
  status=$?
  echo "init: $1 ended with $status after $($box cut -d' ' -f1 /proc/uptime) s"
  [ $status = 0 ] || passed=
}

# Without TZ and /etc/localtime, Node would compare each file of /usr/share/zoneinfo with that one: a minute, by 9p.
export PATH=/tools:/usr/bin:/usr/sbin:/bin:/sbin HOME=/root LC_ALL=C NO_COLOR=1 TZ=UTC
must $box mount -t devtmpfs dev /dev
must $box mount -t proc proc /proc
must $box mount -t sysfs sys /sys
for module in /tools/modules/*; do
  must $box insmod "$module"
done
$box mount -t debugfs none /sys/kernel/debug
for share in usr project; do
  must $box mount -t 9p -o ro,trans=virtio,version=9p2000.L,msize=262144,cache=loose $share /$share
done
# Where tproxyctl looks for it first: read by pages it takes half a minute to start.
if [ -e /project/.node/bin/node ]; then must $box mount -o bind /tools/node /project/.node/bin/node; fi
must $box mount -t tmpfs tmpfs /tmp
must $box mount -t tmpfs tmpfs /run
must ip link set lo up
checks=$($box sed -n 's/.*checks=\([^ ]*\).*/\1/p' /proc/cmdline)
extent=$($box sed -n 's/.*tried=\([a-z]*\).*/\1/p' /proc/cmdline)
echo "init: $($box uname -r), up after $($box cut -d' ' -f1 /proc/uptime) s"

passed=yes
mount_cgroup_v1
try cgroup-v1
unmount_cgroup_v1
must $box mount -t cgroup2 none /sys/fs/cgroup
try cgroup2
# 42 cannot be the status of anything that went wrong.
[ -n "$passed" ] && end 42
end 2
