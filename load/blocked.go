package load

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// A blockedError is a lock that was waited for in vain, and who seems to hold it.
type blockedError struct {
	cause  error
	holder string // empty: nobody does any more
}

func (e *blockedError) Error() string { return e.cause.Error() }
func (e *blockedError) Unwrap() error { return e.cause }

// blame finds out who was in the way of an err that is a lock timeout. Another
// err stays as it is.
func (s *Store) blame(ctx context.Context, err error) error {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	if !ok || pg.Code != "55P03" {
		return err
	}
	// The answer is only advice: it must not hold up what is tried again.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	var h holder
	err = s.pool.QueryRow(ctx, holderSQL).Scan(&h.pid, &h.name, &h.mode, &h.table, &h.granted, &h.before, &h.beforeName)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return &blockedError{pg, "nobody holds such a lock any more"}
	case err != nil:
		return &blockedError{cause: pg}
	}
	return &blockedError{pg, h.String()}
}

// A holder is a session that is in others' way.
type holder struct {
	pid         int
	name        string // of its program
	mode, table string // what it holds, or waits for
	granted     bool
	before      int // the session that it waits for itself; 0: none
	beforeName  string
}

func (h holder) String() string {
	does := "holds"
	if !h.granted {
		does = "waits for"
	}
	text := fmt.Sprintf("process %d (application %q) %s %s on %s", h.pid, h.name, does, h.mode, h.table)
	if h.before != 0 {
		text += fmt.Sprintf(", behind process %d (application %q)", h.before, h.beforeName)
	}
	return text
}

// holderSQL picks the session that is the likeliest to be in our way. Who asks
// for a strong lock is in it before he gets that: whoever comes later queues
// behind him. So locks asked for count like locks held, except ours: the
// strongest first, then the longest transaction, and other programs before
// logferry. A mere reader is in nobody's way but such a one's. What a role may
// not see of others is null.
const holderSQL = `
select l.pid, coalesce(nullif(a.application_name, ''), 'unnamed'), l.mode, l.relation::regclass::text, l.granted,
       coalesce(b.pid, 0), coalesce(nullif(b.application_name, ''), 'unnamed')
  from pg_locks l
  join pg_class c on c.oid = l.relation and c.relkind in ('r', 'p')
  join pg_namespace n on n.oid = c.relnamespace and n.nspname in ('logferry', 'logferry_private')
  join pg_stat_activity a on a.pid = l.pid
  left join pg_stat_activity b on b.pid = (pg_blocking_pids(l.pid))[1]
 where l.locktype = 'relation' and l.mode <> 'AccessShareLock' and l.pid <> pg_backend_pid()
   and l.database = (select oid from pg_database where datname = current_database())
   and not (a.application_name like 'logferry/%' and exists (select from pg_locks w where w.pid = l.pid and not w.granted))
 order by a.application_name like 'logferry/%',
       array_position('{AccessExclusiveLock,ExclusiveLock,ShareRowExclusiveLock,ShareLock,ShareUpdateExclusiveLock,RowExclusiveLock}', l.mode) nulls last,
       a.xact_start nulls first, l.relation
 limit 1`
