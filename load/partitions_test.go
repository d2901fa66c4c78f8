package load

import (
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestLackingMonths(t *testing.T) {
	at := func(y int, m time.Month, d int) time.Time { return time.Date(y, m, d, 5, 30, 0, 0, time.UTC) }
	first := func(y int, m time.Month) time.Time { return time.Date(y, m, 1, 0, 0, 0, 0, time.UTC) }
	kathmandu := time.FixedZone("", 5*3600+45*60)
	for name, test := range map[string]struct{ times, made, want []time.Time }{
		"nothing":                    {},
		"one and the next":           {times: []time.Time{at(2026, 11, 30), at(2026, 11, 2)}, want: []time.Time{first(2026, 11), first(2026, 12)}},
		"over the year's end":        {times: []time.Time{at(2026, 12, 31)}, want: []time.Time{first(2026, 12), first(2027, 1)}},
		"the last of a long month":   {times: []time.Time{at(2027, 1, 31)}, want: []time.Time{first(2027, 1), first(2027, 2)}},
		"months between stay unmade": {times: []time.Time{at(2026, 11, 1), at(2015, 1, 1)}, want: []time.Time{first(2015, 1), first(2026, 11), first(2026, 12)}},
		"what is made":               {times: []time.Time{at(2026, 10, 1)}, made: []time.Time{first(2026, 10)}, want: []time.Time{first(2026, 11)}},
		"months are UTC":             {times: []time.Time{time.Date(2026, 3, 1, 2, 0, 0, 0, kathmandu)}, want: []time.Time{first(2026, 2), first(2026, 3)}},
	} {
		t.Run(name, func(t *testing.T) {
			var p partitions
			p.remember(test.made)
			if diff := cmp.Diff(test.want, p.lacking(test.times)); diff != "" && len(test.want) > 0 {
				t.Errorf("lacking (-want +got):\n%s", diff)
			}
		})
	}
}

const attached = `select count(*) from pg_inherits where inhparent = 'logferry.requests'::regclass`

// Two processes make the same months at once, while a lock keeps the first of
// them from attaching.
func TestPartitionsAtOnce(t *testing.T) {
	one := open(t)
	stores := []*Store{one, connect(t, one)}
	before := count(t, one, attached)
	held, err := one.pool.Begin(t.Context())
	must(t, err)
	defer held.Rollback(t.Context())
	_, err = held.Exec(t.Context(), `lock table logferry.requests in share mode`)
	must(t, err)
	months := []time.Time{time.Date(2031, 5, 9, 0, 0, 0, 0, time.UTC), time.Date(2030, 1, 31, 23, 0, 0, 0, time.UTC)}
	var workers sync.WaitGroup
	for i := range 6 {
		workers.Go(func() {
			if err := stores[i%2].ensurePartitions(t.Context(), months); err != nil {
				t.Error(err)
			}
		})
	}
	waitFor(t, one, `select count(*) from pg_locks where not granted and relation = 'logferry.requests'::regclass
		and database = (select oid from pg_database where datname = current_database())`)
	must(t, held.Commit(t.Context()))
	workers.Wait()
	if n := count(t, one, attached) - before; n != 3 {
		t.Errorf("%d partitions made, want those of 2030-01, 2031-05 and 2031-06", n)
	}
	for _, s := range stores {
		if err := s.ensurePartitions(cancelled(t), months); err != nil {
			t.Errorf("the database was asked for months that were made: %v", err)
		}
	}
}

// A failed attempt is not remembered.
func TestPartitionsAfterFailure(t *testing.T) {
	s := open(t)
	times := []time.Time{time.Date(2033, 1, 1, 0, 0, 0, 0, time.UTC)}
	if err := s.ensurePartitions(cancelled(t), times); err == nil {
		t.Fatal("made partitions without a database")
	}
	must(t, s.ensurePartitions(t.Context(), times))
	if n := count(t, s, `select count(*) from pg_class where oid = to_regclass('logferry.requests_y2033m02')`); n != 1 {
		t.Error("no partition for the next month")
	}
}

// waitFor polls until the count that sql gives is not 0.
func waitFor(t *testing.T, s *Store, sql string) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); count(t, s, sql) == 0; {
		if time.Now().After(deadline) {
			t.Fatal("waited 10 s for nothing")
		}
	}
}
