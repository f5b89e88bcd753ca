#!/usr/bin/env bash
# A real Slurm of one node on this machine, for tests/test_slurm.py. Debian's packages, root, no database, no systemd, no cgroups.
#
#   tests/slurm_cluster.sh possible         exit 0 if it can be set up here, else say why not
#   tests/slurm_cluster.sh install          the packages
#   tests/slurm_cluster.sh run COMMAND...   start it, run a command, stop it; the exit status is the command's
#
# The node claims four CPUs and 12 GB whatever the machine has: the tests' jobs are small, and some of them only wait.
set -euo pipefail

PACKAGES=(munge slurmctld slurmd slurm-client)
# Only here do jobs find it: the Slurm plugin of Snakemake clears all variables SLURM_*, SLURM_CONF among them.
CONFIGURATION=/etc/slurm/slurm.conf
MARK="# Written by symgeom's tests/slurm_cluster.sh"
PLACE=${TMPDIR:-/tmp}/symgeom-slurm
NODE=$(hostname -s)
OWN=("$PLACE/slurmd.pid" "$PLACE/slurmctld.pid")  # of the daemons that are stopped

foreign() {  # is Slurm configured here by somebody else
    [[ -e $CONFIGURATION ]] && ! grep -qF "$MARK" "$CONFIGURATION"
}

possible() {
    if [[ $(id -u) != 0 ]]; then
        echo "Cannot set up Slurm: this user is not root. Run it as root, in a container for instance."
    elif foreign; then
        echo "Cannot set up Slurm: $CONFIGURATION is there, and is not ours. Run it where no Slurm is configured."
    elif ! installed && ! offered && ! { apt-get update --quiet=2 > /dev/null 2>&1 && offered; }; then
        echo "Cannot set up Slurm: apt does not offer ${PACKAGES[*]}. Use Debian 12 with its packages in reach."
    else
        return 0
    fi
    return 1
}

installed() {
    type munged slurmctld slurmd sbatch > /dev/null 2>&1
}

offered() {
    local package
    for package in "${PACKAGES[@]}"; do
        apt-cache show "$package" > /dev/null 2>&1 || return 1
    done
}

install_packages() {
    installed && return
    DEBIAN_FRONTEND=noninteractive apt-get install --quiet=2 --yes --no-install-recommends "${PACKAGES[@]}" > /dev/null
}

configure() {
    mkdir -p "$PLACE/state" "$PLACE/spool" "${CONFIGURATION%/*}"
    cat > "$CONFIGURATION" << END
$MARK
ClusterName=symgeom
SlurmctldHost=$NODE(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
# A job whose node is lost waits for as long before it begins again (120 seconds, if nothing is said).
AuthInfo=cred_expire=30
CredType=cred/munge
SlurmctldPidFile=$PLACE/slurmctld.pid
SlurmctldLogFile=$PLACE/slurmctld.log
SlurmdPidFile=$PLACE/slurmd.pid
SlurmdLogFile=$PLACE/slurmd.log
StateSaveLocation=$PLACE/state
SlurmdSpoolDir=$PLACE/spool
AccountingStorageType=accounting_storage/none
SwitchType=switch/none
MpiDefault=none
# Without cgroups jobs are followed as trees of processes, and one over its memory is ended when its use is next looked at.
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
KillWait=2
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SchedulerParameters=sched_min_interval=200000,bf_interval=1
# The profile asks squeue how jobs ended: finished ones must be remembered for longer than a test takes.
MinJobAge=900
ReturnToService=2
# A node that does not answer for as long is down, and its jobs are lost.
SlurmdTimeout=10
SlurmdParameters=config_overrides
NodeName=$NODE NodeAddr=127.0.0.1 CPUs=4 RealMemory=12000
PartitionName=main Nodes=$NODE Default=YES MaxTime=1-0 DefMemPerCPU=1000
END
}

await() {  # await WHAT COMMAND...: until it succeeds, 30 seconds at most
    local what=$1 end=$((SECONDS + 30))
    shift
    until "$@" > /dev/null 2>&1; do
        if ((SECONDS > end)); then
            echo "Cannot start Slurm: $what did not answer within 30 seconds. Its log is in $PLACE or /var/log/munge." >&2
            return 1
        fi
        sleep 0.2
    done
}

as_munge() {
    setpriv --reuid munge --regid munge --clear-groups "$@"
}

start() {
    configure
    # munged insists on the owners and modes of its own folders, and on a key.
    install -d -o munge -g munge -m 0755 /run/munge
    install -d -o munge -g munge -m 0700 /etc/munge /var/log/munge /var/lib/munge
    [[ -s /etc/munge/munge.key ]] || as_munge mungekey --create
    if ! munge --no-input > /dev/null 2>&1; then
        as_munge munged --force
        OWN+=(/run/munge/munged.pid)
    fi
    await munged munge --no-input
    slurmctld -c
    await slurmctld bash -c "scontrol ping | grep -q UP"
    slurmd
    await slurmd bash -c "sinfo --noheader --format=%T | grep -qx idle"
}

stop() {
    local file daemon
    scancel --user=root 2> /dev/null || true
    for file in "${OWN[@]}"; do
        [[ -s $file ]] || continue
        daemon=$(cat "$file")
        kill "$daemon" 2> /dev/null || true
        for _ in {1..100}; do
            [[ -e /proc/$daemon/exe ]] || break  # gone, or dead and not yet collected
            sleep 0.1
        done
    done
    # With a configuration and no server, every call of a client waits for ten seconds, and so does Snakemake's plugin.
    rm -f "$CONFIGURATION"
}

case ${1:-} in
    possible) possible ;;
    install) possible && install_packages ;;
    run)
        shift
        possible
        trap stop EXIT
        start
        "$@"
        ;;
    *)
        sed -n '2,/^$/s/^# \{0,1\}//p' "$0"
        exit 2
        ;;
esac
