#!/tools/busybox sh
# The first process of a guest: mounts the machine's /usr and the project, both read-only, runs the checks, and
# ends the machine. Their rows go to the second serial port, everything else to the first one.

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

export PATH=/project/.node/bin:/usr/bin:/usr/sbin:/bin:/sbin HOME=/root LC_ALL=C NO_COLOR=1
must $box mount -t devtmpfs dev /dev
must $box mount -t proc proc /proc
must $box mount -t sysfs sys /sys
for module in /tools/modules/*; do
  must $box insmod "$module"
done
must $box mount -t cgroup2 none /sys/fs/cgroup
$box mount -t debugfs none /sys/kernel/debug
for share in usr project; do
  must $box mount -t 9p -o ro,trans=virtio,version=9p2000.L,msize=262144,cache=loose $share /$share
done
must $box mount -t tmpfs tmpfs /tmp
must $box mount -t tmpfs tmpfs /run
must ip link set lo up
echo "init: $($box uname -r), up after $($box cut -d' ' -f1 /proc/uptime) s"
node /project/test/kernels/guest.ts >/dev/ttyS1
status=$?
echo "init: the checks ended with $status after $($box cut -d' ' -f1 /proc/uptime) s"
# 42 cannot be the status of anything that went wrong.
[ $status = 0 ] && end 42
end 2
