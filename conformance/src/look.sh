# What a container sees of itself, in sections. Runs under busybox sh as the container's program.
exec 2>&1
PATH=/bin
s() { echo "== $1"; }
p=/proc/$$
s start
s status
grep -E '^(Umask|Uid|Gid|Groups|NSpid|Threads|TracerPid|SigPnd|ShdPnd|SigBlk|SigIgn|SigCgt|Cap|NoNewPrivs|Seccomp|Cpus_allowed_list|Mems_allowed_list|CoreDumping|THP_enabled|Speculation)' $p/status
s limits; cat $p/limits
s mountinfo; cat $p/mountinfo
s dev
for f in /dev/* /dev/pts/* /dev/shm /dev/mqueue /dev/net/*; do
  if [ -L "$f" ]; then echo "$f -> $(readlink $f)"; elif [ -e "$f" ]; then stat -c '%n %F %a %u:%g %t:%T' "$f"; fi
done
s id; id
s env; tr '\0' '\n' < $p/environ
s cwd; readlink $p/cwd; pwd
s names; hostname; cat /proc/sys/kernel/domainname; cat $p/comm; readlink $p/exe
s fds; ls -l $p/fd
s stdio; for f in 0 1 2; do stat -L -c "$f %F %a %u:%g" $p/fd/$f; done
s oom; cat $p/oom_score_adj
s cgroup; cat $p/cgroup
s ns; for n in cgroup ipc mnt net pid time user uts; do readlink $p/ns/$n; done
s maps; cat $p/uid_map $p/gid_map $p/setgroups
s time; cat $p/timens_offsets
s process
read -r line < $p/stat; set -- $line
[ "$5" = "$1" ] && echo "leads its group"; [ "$6" = "$1" ] && echo "leads its session"
echo "terminal $7 priority ${18} nice ${19} rt ${40} policy ${41}"
cat $p/personality; stat -c 'owner %u:%g' $p/stat; ionice -p $$; uname -m
[ $$ = 1 ] && echo /proc/[0-9]*
s lsm; cat $p/attr/current
s net; ip -o addr
s masked
for f in /proc/acpi /proc/asound /proc/kcore /proc/keys /proc/latency_stats /proc/timer_list /proc/timer_stats /proc/sched_debug /proc/scsi /sys/firmware; do
  stat -c '%n %F %a %t:%T' $f
  if [ -d $f ]; then echo "entries $(ls $f | wc -l)"; elif [ -r $f ]; then echo "some $(head -c 4 $f | wc -c)"; fi
done
s writable
for d in / /tmp /dev /dev/shm /dev/mqueue /proc/bus /proc/sys/vm /proc /sys /sys/fs/cgroup /etc; do
  if (: > $d/.written); then echo "$d yes"; rm -f $d/.written; fi
done
for f in /proc/sysrq-trigger /proc/sys/kernel/hostname; do [ -w $f ] && echo "$f yes"; done
s root; stat -c '%n %F %a %u:%g' / /proc /sys /sys/fs/cgroup /dev /tmp /etc
s end
