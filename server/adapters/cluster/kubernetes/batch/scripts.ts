// What runs inside a batch pod, by the image's own shell: one script around the customer's program, one that tells what it
// left. Both are the image's word and no more; the broker hashes and judges what it reads.

/** The working directory, empty but for what the image has in its own. */
export const WORK_DIR = "/work";
/** Where streams and exit code lie for the collector. */
export const OUT_DIR = "/berth/out";
/** The customer's input, seen by the program alone. */
export const INPUT_DIR = "/berth/in";
export const INPUT_FILE = "input";

/** Tools are the image's, wherever the customer's PATH leads; names are ours, so that nothing of the customer's is changed. */
const TOOLS = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/**
 * `sh -c RUN_SCRIPT berth <timeout in s> <program> [argument …]`. A first process of a container cannot be killed from
 * within it, so it may kill all others when time is over, and again before it says how the program ended. It exits with 0
 * whatever the program did: any other end of it is one that the machine knows more about.
 */
export const RUN_SCRIPT = `berth_path=$PATH; PATH=${TOOLS}
berth_seconds=$1; shift
unset KUBERNETES_PORT KUBERNETES_SERVICE_HOST KUBERNETES_SERVICE_PORT KUBERNETES_SERVICE_PORT_HTTPS
unset KUBERNETES_PORT_443_TCP KUBERNETES_PORT_443_TCP_ADDR KUBERNETES_PORT_443_TCP_PORT KUBERNETES_PORT_443_TCP_PROTO
berth_now() {
  berth_t=$(date +%s%3N 2>/dev/null)
  case $berth_t in ''|*[!0-9]*) berth_t=$(date +%s 2>/dev/null)000;; esac
  echo "$berth_t"
}
berth_from=$(pwd)
case $berth_from in /|${WORK_DIR}) ;; *) cp -R -P . ${WORK_DIR}/ 2>/dev/null;; esac
cd ${WORK_DIR} || exit 1
berth_start=$(berth_now)
( sleep "$berth_seconds" && echo 1 >${OUT_DIR}/late && kill -9 -1 ) </dev/null >/dev/null 2>&1 &
( PATH=$berth_path; exec "$@" ) <${INPUT_DIR}/${INPUT_FILE} >${OUT_DIR}/stdout 2>${OUT_DIR}/stderr
berth_code=$?
berth_end=$(berth_now)
berth_late=0
[ -e ${OUT_DIR}/late ] && berth_late=1
kill -9 -1 2>/dev/null
echo "$berth_code $((berth_end - berth_start)) $berth_late" >${OUT_DIR}/exit
exit 0
`;

/** Of an exit of the collector that says that the image lacks what it needs. */
export const NO_TOOLS = 3;

/**
 * `sh -c COLLECT_SCRIPT berth [file …]`: waits for the exit code and prints frames, see frames.ts. Links are told and not
 * followed; what is over the budget is told and not read.
 * @param most bytes of stdout and files together @param mostStderr bytes of its end @param mostFiles
 */
export function collectScript(most: number, mostStderr: number, mostFiles: number): string {
  return `PATH=${TOOLS}; out=${OUT_DIR}; n=0
until [ -s $out/exit ]; do
  n=$((n + 1))
  if [ $n -lt 100 ]; then sleep 0.1 2>/dev/null || sleep 1 || exit ${NO_TOOLS}
  else sleep 0.5 2>/dev/null || sleep 1 || exit ${NO_TOOLS}; fi
done
if command -v base64 >/dev/null 2>&1; then how=base64; enc() { base64; }
elif command -v od >/dev/null 2>&1; then how=hex; enc() { od -An -v -tx1; }
else exit ${NO_TOOLS}; fi
plain() { [ -f "$1" ] && [ ! -h "$1" ]; }
plain $out/exit && plain $out/stdout && plain $out/stderr || exit ${NO_TOOLS}
size() { echo $(($(wc -c <"$1"))); }
echo "berth-run-1 $how"
read -r code ms late <$out/exit
echo "exit $code $ms $late"
s=$(size $out/stdout) || exit ${NO_TOOLS}
echo "stdout $s"; head -c ${most} $out/stdout | enc; echo .
echo "stderr $(size $out/stderr)"; tail -c ${mostStderr} $out/stderr | enc; echo .
left=$((${most} - s)); files=0
finish() { echo end; exit 0; }
short() { echo "short $1"; printf %s "$2" | enc; echo .; finish; }
take() {
  if [ -h "$1" ]; then short link "$1"
  elif [ -d "$1" ]; then
    [ -r "$1" ] && [ -x "$1" ] || short unreadable "$1"
    for entry in "$1"/* "$1"/.[!.]* "$1"/..?*; do
      if [ -e "$entry" ] || [ -h "$entry" ]; then take "\${entry#./}"; fi
    done
  elif [ -f "$1" ]; then
    [ -r "$1" ] || short unreadable "$1"
    fs=$(size "$1")
    [ "$fs" -le "$left" ] || short large "$1"
    files=$((files + 1)); [ $files -le ${mostFiles} ] || short many "$1"
    left=$((left - fs))
    echo "file $fs"; printf %s "$1" | enc; echo .; enc <"$1"; echo .
  elif [ -e "$1" ]; then short other "$1"
  else short missing "$1"; fi
}
way() {
  done=; rest=$1
  while case $rest in */*) true;; *) false;; esac; do
    done=$done\${rest%%/*}; rest=\${rest#*/}
    [ ! -h "$done" ] || short link "$done"
    done=$done/
  done
}
if [ "$code" = 0 ] && [ "$late" = 0 ] && [ $left -ge 0 ]; then
  cd ${WORK_DIR} || exit ${NO_TOOLS}
  for wanted do way "$wanted"; take "$wanted"; done
fi
finish
`;
}
