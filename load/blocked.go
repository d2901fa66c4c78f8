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
	var pid int
	var name, mode, table string
	if err := s.pool.QueryRow(ctx, holderSQL).Scan(&pid, &name, &mode, &table); err != nil {
		if !errors.Is(err, pgx.ErrNoRows) {
			return &blockedError{cause: pg}
		}
		return &blockedError{pg, "nobody holds such a lock any more"}
	}
	return &blockedError{pg, fmt.Sprintf("process %d (application %q) holds %s on %s", pid, name, mode, table)}
}

// holderSQL picks, of the sessions that hold locks on our tables and don't wait
// for one themselves, the likeliest to be in others' way: the strongest lock
// first, then the longest transaction, and other programs before logferry. A
// mere reader is in nobody's way. What a role may not see of others is null.
const holderSQL = `
select l.pid, coalesce(nullif(a.application_name, ''), 'unnamed'), l.mode, l.relation::regclass::text
  from pg_locks l
  join pg_class c on c.oid = l.relation and c.relkind in ('r', 'p')
  join pg_namespace n on n.oid = c.relnamespace and n.nspname in ('logferry', 'logferry_private')
  join pg_stat_activity a on a.pid = l.pid
 where l.locktype = 'relation' and l.granted and l.mode <> 'AccessShareLock' and l.pid <> pg_backend_pid()
   and l.database = (select oid from pg_database where datname = current_database())
   and not exists (select from pg_locks w where w.pid = l.pid and not w.granted)
 order by a.application_name like 'logferry/%',
       array_position('{AccessExclusiveLock,ExclusiveLock,ShareRowExclusiveLock,ShareLock,ShareUpdateExclusiveLock,RowExclusiveLock}', l.mode) nulls last,
       a.xact_start nulls first, l.relation
 limit 1`
