package load

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// A lock that somebody keeps: the error names who, by process and program, and
// is temporary.
func TestD05BlockerIsNamed(t *testing.T) {
	t.Parallel()
	f := newFeed(t)
	f.lock, f.work = 50*time.Millisecond, 100*time.Millisecond
	execSQL(t, f.Store, `insert into logferry.budgets (credential_hash) values ($1::bytea)`, credential[:])
	url := f.pool.Config().ConnString()
	for sql, want := range map[string]string{
		`lock table logferry.windows`:                        "AccessExclusiveLock on logferry.windows",
		`create index on logferry.windows (kind)`:            "ShareLock on logferry.windows",
		`select from logferry.stream_state for update`:       "RowShareLock on logferry.stream_state",
		`lock table logferry.stream_state in exclusive mode`: "ExclusiveLock on logferry.stream_state",
	} {
		holder := hold(t, url+"&application_name=nightly%20report", sql)
		_, err := f.Claim(t.Context(), Want{Stream: f.stream.ID, Run: f.run, Kind: KindSync, Span: Span{minute(0), minute(10)}, Lease: time.Minute})
		want = fmt.Sprintf("canceling statement due to lock timeout (SQLSTATE 55P03); process %d (application %q) holds %s", holder.PgConn().PID(), "nightly report", want)
		classified, ok := errors.AsType[*Error](err)
		if !ok || classified.Class != Temporary || err.Error() != "database: claim a window: "+want {
			t.Errorf("%s:\n%v\nwant %s", sql, err, want)
		}
		must(t, holder.Close(t.Context()))
	}
	keeper := hold(t, url+"&application_name=psql", `lock table logferry.windows`)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	_, err := f.Settled(ctx, f.stream.ID, Span{minute(0), minute(10)})
	_, whole := f.Status(ctx)
	for _, err := range []error{err, whole} {
		if err == nil || !strings.HasSuffix(err.Error(), `(application "psql") holds AccessExclusiveLock on logferry.windows`) {
			t.Errorf("who only reads: %v", err)
		}
	}
	must(t, keeper.Close(t.Context()))
	c := f.claim(0, 10)
	keeper = hold(t, url+"&application_name=psql", `lock table logferry_private.quarantine`)
	if _, err := f.Begin(ctx, c, source, Keep{}); err == nil || !strings.HasSuffix(err.Error(), `(application "psql") holds AccessExclusiveLock on logferry_private.quarantine`) {
		t.Errorf("who begins to write: %v", err)
	}
	must(t, keeper.Close(t.Context()))
	must(t, f.Release(t.Context(), []int64{c.ID}, "nothing was written"))

	reader := hold(t, url+"&application_name=notebook", `select from logferry.windows`)
	owner, err := pgx.Connect(t.Context(), url+"&application_name=psql")
	must(t, err)
	locked := make(chan error, 1)
	go func() {
		_, err := owner.Exec(context.Background(), `alter table logferry.windows add column extra text`)
		locked <- err
	}()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		if count(t, f.Store, `select count(*) from pg_locks where pid = $1::integer and not granted`, int(owner.PgConn().PID())) > 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("nobody waits for a lock")
		}
	}
	_, err = f.Claim(t.Context(), Want{Stream: f.stream.ID, Run: f.run, Kind: KindSync, Span: Span{minute(0), minute(10)}, Lease: time.Minute})
	want := fmt.Sprintf(`process %d (application "psql") waits for AccessExclusiveLock on logferry.windows, behind process %d (application "notebook")`,
		owner.PgConn().PID(), reader.PgConn().PID())
	if err == nil || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("in a queue: %v\nwant %s", err, want)
	}
	must(t, reader.Close(t.Context()))
	must(t, <-locked)
	must(t, owner.Close(t.Context()))

	hold(t, url, `select from logferry.budgets for update`)
	_, _, err = f.Draw(t.Context(), credential, Budget{Requests: 1, Per: time.Minute}, ByPass, 1)
	if err == nil || !strings.Contains(err.Error(), `(application "unnamed") holds RowShareLock on logferry.budgets`) {
		t.Errorf("a budget: %v", err)
	}
}

var credential = NewCredential("cloudflare_ai_gateway", canary)

// hold runs sql in a transaction that stays open until the connection closes.
func hold(t *testing.T, url, sql string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	must(t, err)
	t.Cleanup(func() { conn.Close(context.Background()) })
	_, err = conn.Exec(t.Context(), "begin; "+sql, pgx.QueryExecModeSimpleProtocol)
	must(t, err)
	return conn
}

// A lock that is let go in time costs time only, and who only reads is in
// nobody's way, not even in that of a new partition.
func TestD05LocksAreWaitedFor(t *testing.T) {
	t.Parallel()
	f := newFeed(t)
	f.lock = 50 * time.Millisecond
	url := f.pool.Config().ConnString()
	hold(t, url, `select count(*) from logferry.requests; select count(*) from llm.requests`)
	holder := hold(t, url, `alter table logferry.windows add column extra text`)
	time.AfterFunc(4*f.lock, func() { holder.Close(context.Background()) })
	began := time.Now()
	f.read(0, 10, entry("a", minute(1), ""))
	if took := time.Since(began); took < 2*f.lock || took > f.work {
		t.Errorf("waited %s", took)
	}
	if n := count(t, f.Store, `select count(*) from logferry.requests`); n != 1 {
		t.Errorf("%d rows, want one", n)
	}
}
