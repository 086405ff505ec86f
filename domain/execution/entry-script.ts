// What runs first in a workspace, in a pod as in a container: it makes an sshd of whatever image it is, or says what the
// image lacks.

/** Exit code of an image that cannot be a workspace; its termination message says why. */
export const UNFIT_IMAGE = 64;

export const SSH_DIR = "/run/berth/ssh";
export const ENV_DIR = "/run/berth/env";
/** Files of the SSH folder, one an argument, whose names sort as the arguments stand. */
export const ARGUMENT_FILE = "command.";
/** Inside: a port below 1024 would need one right more. */
export const SSH_PORT = 2222;

/**
 * For /bin/sh of Debian, Alpine and the like. Keys are copied, because sshd refuses files that others may read, and a
 * mounted Secret is a link. A root that is locked (`!`, as in some Alpine images) cannot log in with a key either where
 * sshd runs without PAM: it is left without a password instead (`*`). Sessions get the environment by
 * `~/.ssh/environment`, which knows one line a variable.
 *
 * The command gets its arguments as they are: each from a file, read with a dot behind it that keeps its last line
 * breaks. It runs once, beside sshd, and its end ends nothing else.
 */
export const ENTRY_SCRIPT = `
set -eu
unfit() { echo "$1" | tee /dev/termination-log; exit ${UNFIT_IMAGE}; }
sshd=$(command -v sshd || true)
[ -n "$sshd" ] || for each in /usr/sbin/sshd /usr/local/sbin/sshd; do [ -x "$each" ] && sshd=$each; done
[ -n "$sshd" ] || unfit "The image has no sshd: install openssh-server (Debian, Ubuntu) or openssh (Alpine) in it."
umask 077
mkdir -p /run/sshd /root/.ssh /etc/ssh || unfit "The image's file system cannot be written."
chmod 0755 /run/sshd
chmod go-w /root
cp ${SSH_DIR}/authorized_keys /root/.ssh/authorized_keys
cp ${SSH_DIR}/host_key /etc/ssh/berth_host_key
: >/root/.ssh/environment
for file in ${ENV_DIR}/*; do
  [ -f "$file" ] || continue
  value=$(cat "$file")
  case "$value" in *"
"*) continue ;; esac
  echo "\${file##*/}=$value" >>/root/.ssh/environment
done
[ ! -f /etc/shadow ] || sed -i 's/^root:!/root:*/' /etc/shadow
set --
for file in ${SSH_DIR}/${ARGUMENT_FILE}*; do
  [ -f "$file" ] || continue
  value=$(cat "$file" && echo .)
  set -- "$@" "\${value%.}"
done
run() (
  set +e
  umask 022
  export HOME=/root
  cd /root
  "$@" </dev/null
  echo "The command of the template ended with exit code $?. The workspace stays: log in by SSH."
)
grep -q '^sshd:' /etc/passwd || echo 'sshd:x:74:74:sshd:/run/sshd:/sbin/nologin' >>/etc/passwd
[ $# -eq 0 ] || run "$@" &
exec "$sshd" -D -e -f /dev/null \\
  -o Port=${SSH_PORT} -o HostKey=/etc/ssh/berth_host_key -o PidFile=none -o UsePAM=no \\
  -o PasswordAuthentication=no -o KbdInteractiveAuthentication=no -o PermitRootLogin=prohibit-password \\
  -o AuthorizedKeysFile=/root/.ssh/authorized_keys -o PermitUserEnvironment=yes -o AcceptEnv='LANG LC_*' \\
  -o PrintMotd=no -o Subsystem='sftp internal-sftp' -o MaxStartups=20:30:60 -o LoginGraceTime=30
`.trim();
