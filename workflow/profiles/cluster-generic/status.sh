#!/usr/bin/env bash
# Say whether a Slurm job is running, success or failed, as Snakemake's cluster-generic executor asks.
# A scheduler that does not answer is no reason to give a job up; a job that it no longer knows is one.
set -uo pipefail
if answer=$(squeue --noheader --states=all --format=%T --jobs="$1" 2>&1); then
    case $answer in
        COMPLETED) echo success ;;
        PENDING | CONFIGURING | RUNNING | COMPLETING | STAGE_OUT) echo running ;;
        SUSPENDED | STOPPED | REQUEUED | RESIZING | SIGNALING) echo running ;;
        *) echo failed ;;
    esac
elif [[ $answer == *"Invalid job id"* ]]; then
    echo failed
else
    echo running
fi
