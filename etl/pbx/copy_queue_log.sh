#!/bin/sh
# copy_queue_log.sh: lleva los registros de colas (queue_log) de la central a otra máquina, sin tocarlos.
#
# PARA QUÉ: logrotate borra los queue_log viejos de la central; lo que se borró antes de copiarse no vuelve. Este guion
# copia las piezas cerradas (queue_log.1, queue_log-20261001.gz, ...) una vez, comprobadas, y de la que se está
# escribiendo solo lo que creció. Sirve en centrales viejas, sin Python: basta sh (bash 3, dash o busybox).
#
# CÓMO SE PONE:
#   1. Primero, y hoy mismo, una copia de todo lo que hay:   cp -p /var/log/asterisk/queue_log* /OTRO/DISCO/
#   2. Copie este guion en la central, por ejemplo en /usr/local/bin/copy_queue_log.sh, y chmod 755.
#   3. Escriba los ajustes en /etc/copy_queue_log.conf (los de abajo, una línea cada uno: TARGET=...).
#   4. En el destino cree la marca, una vez:                 touch DESTINO/.callcenter-destino
#      Sin la marca no se copia nada: así un recurso compartido sin montar no llena el disco de la central.
#   5. Pruébelo a mano:                                      sh /usr/local/bin/copy_queue_log.sh && echo bien
#   6. En el cron de la central (crontab -e), cada cinco minutos:
#        */5 * * * * /usr/local/bin/copy_queue_log.sh
#   7. En el servidor del sistema, el destino es una carpeta que se sigue (CALLCENTER_WATCH) o está en data/inbox.
#
# QUÉ HACE Y QUÉ NO: nunca cambia, mueve ni borra nada en LOGS. En el destino cada registro se llama por su comienzo
# (queue_log-INSTANTE-SUMA), así que una rotación, con los nombres corridos, no lo copia otra vez. Si se corta la
# conexión, se llena el destino o se apaga la central, la próxima vez sigue donde quedó. Dos a la vez no se estorban.
# Lo que hizo, y lo que falló, está en el syslog con la marca copy_queue_log.
#
# AJUSTES:
#   LOGS     carpeta de los registros en la central
#   NAME     nombre del registro que se está escribiendo
#   TARGET   destino: una carpeta montada (/mnt/registros) o USUARIO@SERVIDOR:/CARPETA por ssh, con clave sin contraseña
#            (ssh-keygen; ssh-copy-id). La carpeta no lleva comillas en su nombre.
#   STATE    carpeta propia en la central, para el candado y lo ya comprobado
#   SSH      cómo se llama a ssh, con sus opciones (puerto: -p 2222)
#   CHUNK_MB cuánto se lleva de una vez; otro tanto se usa en STATE mientras tanto

CONF=${COPY_QUEUE_LOG_CONF:-/etc/copy_queue_log.conf}
# shellcheck source=/dev/null
[ -r "$CONF" ] && . "$CONF"
LOGS=${LOGS:-/var/log/asterisk}
NAME=${NAME:-queue_log}
TARGET=${TARGET:-}
STATE=${STATE:-/var/spool/copy_queue_log}
SSH=${SSH:-ssh -o BatchMode=yes -o ConnectTimeout=20 -o ServerAliveInterval=15}
CHUNK_MB=${CHUNK_MB:-64}

LC_ALL=C
export LC_ALL
umask 027
BLOCK=4096
MARK=.callcenter-destino
copied_bytes=0
copied_files=0
failed=0

say() {
    logger -t copy_queue_log "$1" 2>/dev/null || echo "copy_queue_log: $1" >&2
}

fail() {
    say "$1"
    failed=1
}

# --- Un candado: dos copias a la vez se pisarían.

take_lock() {
    mkdir -p "$STATE" 2>/dev/null
    if ! mkdir "$STATE/lock" 2>/dev/null; then
        [ -d "$STATE/lock" ] || { say "no se puede escribir en $STATE"; exit 1; }
        holder=$(cat "$STATE/lock/pid" 2>/dev/null)
        if [ -n "$holder" ]; then
            # Después de un apagón el número puede ser de otro programa: se mira también cómo se llama.
            if kill -0 "$holder" 2>/dev/null; then
                [ -r "/proc/$holder/cmdline" ] || exit 0
                tr '\000' ' ' <"/proc/$holder/cmdline" 2>/dev/null | grep -qF "${0##*/}" && exit 0
            fi
        elif [ -z "$(find "$STATE/lock" -prune -mmin +10 2>/dev/null)" ]; then
            exit 0
        fi
        # Solo uno consigue quitar el candado abandonado.
        mv "$STATE/lock" "$STATE/stale.$$" 2>/dev/null || exit 0
        rm -rf "$STATE/stale.$$"
        mkdir "$STATE/lock" 2>/dev/null || exit 0
    fi
    echo $$ >"$STATE/lock/pid"
    trap 'rm -rf "$STATE/lock" "$STATE/chunk"' EXIT
    trap 'exit 1' HUP INT TERM
}

# --- El destino: lo mismo en una carpeta que por ssh. Los nombres son solo letras, cifras, puntos y guiones.

at_target() {
    if [ -n "$HOST" ]; then
        $SSH "$HOST" "cd '$FOLDER' && umask 027 && { $1; }"
    else
        (cd "$FOLDER" 2>/dev/null && eval "$1")
    fi
}

# Tamaño de un archivo del destino; "no" si no está, nada si el destino no contesta.
target_size() {
    at_target "if [ -f $1 ]; then ls -ln $1 | awk '{print \$5}'; else echo no; fi" </dev/null 2>/dev/null
}

# Suma del final de los primeros $2 bytes de un archivo del destino, y de uno de aquí.
target_end() {
    end_blocks "$2"
    at_target "dd if=$1 bs=$BLOCK skip=$skip count=2 2>/dev/null | head -c $rest | cksum" </dev/null 2>/dev/null
}

source_end() {
    end_blocks "$2"
    dd if="$1" bs=$BLOCK skip="$skip" count=2 2>/dev/null | head -c "$rest" | cksum
}

end_blocks() {
    skip=$(($1 / BLOCK))
    [ "$skip" -gt 0 ] && skip=$((skip - 1))
    rest=$(($1 - skip * BLOCK))
}

# --- Los registros de la central: solo se leen.

unpacked() {
    case $1 in
        *.gz) gzip -dc "$1" 2>/dev/null ;;
        *.bz2) bzip2 -dc "$1" 2>/dev/null ;;
        *.xz) xz -dc "$1" 2>/dev/null ;;
        *) cat "$1" ;;
    esac
}

is_packed() {
    case $1 in *.gz | *.bz2 | *.xz) return 0 ;; *) return 1 ;; esac
}

# Con ls, que dice tamaño y número en todas partes; las opciones de stat y find cambian de una a otra.
source_size() {
    # shellcheck disable=SC2012
    ls -lnL "$1" 2>/dev/null | awk '{print $5}'
}

# Todo lo que cambia cuando cambia un archivo: número, tamaño, fecha; sin su nombre, que la rotación corre.
stamp_of() {
    # shellcheck disable=SC2012
    ls -lnLi "$1" 2>/dev/null | awk '{print $1, $6, $7, $8, $9}'
}

# El nombre de un registro en el destino: el instante y la suma de su primera línea; nada mientras no esté entera.
name_of() {
    { if is_packed "$1"; then unpacked "$1"; else cat "$1" 2>/dev/null; fi; } | head -c 65536 | head -n 1 \
        >"$STATE/first" 2>/dev/null
    [ "$(wc -l <"$STATE/first")" -gt 0 ] || return
    echo "$NAME-$(sed -n '1s/^\([0-9]\{1,12\}\).*/\1/p' "$STATE/first")-$(cksum <"$STATE/first" | awk '{print $1}')"
}

# Busca en el destino el registro que empieza como $1 y llega a ser el mismo. Deja en found su nombre, en reached su
# tamaño (0 si es nuevo). Devuelve 1 si el destino no contesta.
find_target() {
    wanted=$(name_of "$1")
    found=
    [ -n "$wanted" ] || return 0
    for suffix in '' .2 .3 .4 .5 .6 .7 .8 .9; do
        reached=$(target_size "$wanted$suffix")
        case $reached in
            no)
                found=$wanted$suffix
                reached=0
                return 0
                ;;
            '' | *[!0-9]*) return 1 ;;
        esac
        if is_packed "$1"; then
            here=$(unpacked "$1" | head -c "$reached" | cksum)
            there=$(at_target "cksum <$wanted$suffix" </dev/null 2>/dev/null)
        else
            size=$(source_size "$1")
            # Una copia a medio hacer es más corta que lo ya llevado: se compara hasta donde llega.
            shared=$reached
            [ "${size:-0}" -lt "$reached" ] && shared=${size:-0}
            here=$(source_end "$1" "$shared")
            there=$(target_end "$wanted$suffix" "$shared")
        fi
        [ -n "$there" ] || return 1
        if [ "$here" = "$there" ]; then
            found=$wanted$suffix
            return 0
        fi
    done
    return 0
}

# Agrega al destino $2 lo que a $1 le falta desde $3 bytes, por partes. Devuelve 1 si no se pudo.
append() {
    from=$3
    while :; do
        if is_packed "$1"; then
            unpacked "$1" | tail -c +$((from + 1)) | head -c $((CHUNK_MB * 1048576)) >"$STATE/chunk"
        else
            dd if="$1" bs=$BLOCK skip=$((from / BLOCK)) count=$((CHUNK_MB * 256)) 2>/dev/null |
                tail -c +$((from % BLOCK + 1)) >"$STATE/chunk"
        fi || { fail "no hay lugar en $STATE"; return 1; }
        got=$(source_size "$STATE/chunk")
        [ "${got:-0}" -gt 0 ] || return 0
        # Si mientras tanto rotó o se vació, lo leído puede ser de otro: se deja, y la próxima vez está en su pieza.
        [ "$(name_of "$1")" = "${2%.[2-9]}" ] || return 0
        if ! at_target "[ ! -f $2 ] || [ \$(ls -ln $2 | awk '{print \$5}') = $from ] && cat >>$2" \
            <"$STATE/chunk" 2>/dev/null; then
            fail "$1: no se pudo escribir en el destino (¿lleno, sin permiso o cortado?); se sigue la próxima vez"
            return 1
        fi
        from=$((from + got))
        if [ "$(target_size "$2")" != "$from" ]; then
            fail "$1: el destino no recibió todo; se sigue la próxima vez"
            return 1
        fi
        copied_bytes=$((copied_bytes + got))
        [ "$got" -lt $(((CHUNK_MB * 256 - 1) * BLOCK)) ] && return 0
    done
}

# Copia entera una pieza .gz que en el destino no está de otra forma.
copy_packed() {
    put=$2
    here=$(cksum <"$1")
    if [ "$(target_size "$put.gz")" != no ]; then
        there=$(at_target "cksum <$put.gz" </dev/null 2>/dev/null)
        [ -n "$there" ] || return 1
        [ "$here" = "$there" ] && return 0
        put=$put-$(echo "$here" | awk '{print $1}')
    fi
    if at_target "cat >.$put.part" <"$1" 2>/dev/null &&
        [ "$(at_target "cksum <.$put.part" </dev/null 2>/dev/null)" = "$here" ] &&
        at_target "mv -f .$put.part $put.gz" </dev/null 2>/dev/null; then
        copied_bytes=$((copied_bytes + $(source_size "$1")))
        copied_files=$((copied_files + 1))
        return 0
    fi
    fail "$1: no se pudo copiar al destino (¿lleno, sin permiso o cortado?); se intenta la próxima vez"
    return 1
}

# Una pieza cerrada: lo que falta, y una vez la comprobación de todo.
copy_closed() {
    stamp=$(stamp_of "$1")
    [ -n "$stamp" ] || return
    if grep -qxF "$stamp" "$STATE/done" 2>/dev/null; then
        echo "$stamp" >>"$STATE/done.new"
        return
    fi
    if is_packed "$1"; then
        unpacked "$1" >/dev/null
        case $? in
            0) ;;
            127) fail "$1: falta en la central el programa que la descomprime (bzip2, xz)"; return ;;
            *) say "$1: todavía incompleta o dañada; se deja"; return ;;
        esac
    fi
    find_target "$1" || { fail "el destino no contesta"; return; }
    [ -n "$found" ] || return
    case $1 in
        *.gz)
            if [ "$reached" = 0 ]; then
                copy_packed "$1" "$found" && echo "$stamp" >>"$STATE/done.new"
                return
            fi
            ;;
    esac
    before=$copied_bytes
    append "$1" "$found" "$reached" || return
    [ "$copied_bytes" -gt "$before" ] && copied_files=$((copied_files + 1))
    total=$(target_size "$found")
    case $total in '' | *[!0-9]*) return ;; esac
    # Más corta que lo ya llevado: es una copia a medio hacer, o una de antes.
    here=$(unpacked "$1" | head -c "$total" | cksum)
    there=$(at_target "head -c $(echo "$here" | awk '{print $2}') $found | cksum" </dev/null 2>/dev/null)
    [ -n "$there" ] || { fail "el destino no contesta"; return; }
    if [ "$here" = "$there" ]; then
        echo "$stamp" >>"$STATE/done.new"
    else
        at_target "mv -f $found .$found.malo" </dev/null 2>/dev/null
        fail "$1: la copia no es igual; se aparta como .$found.malo y se hace de nuevo la próxima vez"
    fi
}

# La que se está escribiendo: solo lo que creció.
copy_live() {
    [ -f "$1" ] || return
    find_target "$1" || { fail "el destino no contesta"; return; }
    [ -n "$found" ] || return
    before=$copied_bytes
    append "$1" "$found" "$reached"
    [ "$copied_bytes" -gt "$before" ] && copied_files=$((copied_files + 1))
}

case $TARGET in
    '') say "falta TARGET: escríbalo en $CONF"; exit 1 ;;
    *:*) HOST=${TARGET%%:*} FOLDER=${TARGET#*:} ;;
    *) HOST='' FOLDER=$TARGET ;;
esac

take_lock
renice 19 $$ >/dev/null 2>&1 || renice -n 19 -p $$ >/dev/null 2>&1
ionice -c 3 -p $$ >/dev/null 2>&1

if ! at_target "[ -e $MARK ]" </dev/null 2>/dev/null; then
    say "en el destino $TARGET no está $MARK, o no contesta: ¿está montado? No se copió nada"
    exit 1
fi

: >"$STATE/done.new"
for file in "$LOGS/$NAME".* "$LOGS/$NAME"-*; do
    [ -f "$file" ] && copy_closed "$file"
done
copy_live "$LOGS/$NAME"
mv -f "$STATE/done.new" "$STATE/done"
rm -f "$STATE/first"
[ "$copied_bytes" -gt 0 ] && say "copiados $copied_bytes bytes de $copied_files registros"
exit $failed
