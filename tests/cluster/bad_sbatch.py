#!/usr/bin/env python3
"""Runs the broken calls of bad_sbatch.txt: bad_sbatch.py SBATCH [STAGE...]   (default stage: local)

Without a cluster only `local` makes sense: SLURM_CONF then names a controller that is not there.  With one, set
SLURM_CONF and ask for ctld and ours too.  Exits 1 when a call did not end as the table says.
"""
import os
import subprocess
import sys
import tempfile

SCRIPTS = {
    'ok.sh': '#!/bin/sh\nhostname\n',
    'noshebang.sh': 'hostname\n',
    'dos.sh': '#!/bin/sh\r\nhostname\r\n',
    'nul.sh': '#!/bin/sh\nho\0st\n',
    'empty.sh': '',
    'blank.sh': ' \n\n',
    'badtime.sh': '#!/bin/sh\n#SBATCH --time=bad\nhostname\n',
    'badopt.sh': '#!/bin/sh\n#SBATCH --nonsense\nhostname\n',
    'badword.sh': '#!/bin/sh\n#SBATCH foo\nhostname\n',
    'glued.sh': '#!/bin/sh\n#SBATCHx -J x\nhostname\n',
}
NOBODY = ('ClusterName=tux\nSlurmctldHost=none(127.0.0.1)\nSlurmctldPort=1\nSlurmUser=root\n'
          'MessageTimeout=1\nNodeName=n1\nPartitionName=debug Nodes=ALL\n')


def cases(path):
    """(exit code, words, stage, command) of every line."""
    with open(path) as table:
        for line in table:
            if line.strip() and not line.startswith('#'):
                code, words, stage, command = line.rstrip('\n').split('|', 3)
                yield int(code), words, stage, command


def run(sbatch, stages):
    here = os.path.dirname(os.path.abspath(__file__))
    wrong = done = 0
    with tempfile.TemporaryDirectory() as folder:
        for name, text in SCRIPTS.items():
            with open(os.path.join(folder, name), 'w', newline='') as script:
                script.write(text)
        env = {k: v for k, v in os.environ.items() if not k.startswith(('SBATCH', 'SLURM_'))}
        env['SBATCH'] = sbatch
        env['SLURM_CONF'] = os.environ.get('SLURM_CONF', os.path.join(folder, 'slurm.conf'))
        if 'SLURM_CONF' not in os.environ:
            with open(env['SLURM_CONF'], 'w') as conf:
                conf.write(NOBODY)
        for code, words, stage, command in cases(os.path.join(here, 'bad_sbatch.txt')):
            if stage not in stages:
                continue
            got = subprocess.run(['sh', '-c', command], cwd=folder, env=env, text=True, timeout=60,
                                 stdin=subprocess.DEVNULL, capture_output=True)
            done += 1
            if got.returncode != code or words not in got.stderr or got.stdout:
                wrong += 1
                print(f'{command}\n  wanted {code}: {words}\n  got {got.returncode}: '
                      f'{(got.stderr + got.stdout).strip()}')
    print(f'{done} broken calls, {wrong} not as expected')
    return 1 if wrong or not done else 0


if __name__ == '__main__':
    sys.exit(run(os.path.abspath(sys.argv[1]), sys.argv[2:] or ['local']))
