package load

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestStatus(t *testing.T) {
	s, ctx := open(t), t.Context()
	if all, err := s.Status(ctx); err != nil || len(all) != 0 {
		t.Errorf("with no streams: %+v, %v", all, err)
	}
	busy, fresh := register1(t, s, "busy"), register1(t, s, "fresh")
	run, err := s.StartRun(ctx, Run{Command: "sync"})
	must(t, err)
	for hour, status := range []string{"attested", "attested", "mismatch", "attested", "failed"} {
		plantWindow(t, s, busy.ID, run, hour, status)
	}
	claim := plantWindow(t, s, busy.ID, run, 6, "claimed")
	execSQL(t, s, `
		update logferry.stream_state set coverage = tstzmultirange(
			tstzrange($2::timestamptz, $2::timestamptz + interval '2 hours'),
			tstzrange($2::timestamptz + interval '3 hours', $2::timestamptz + interval '4 hours'))
		where stream_id = $1::integer`, busy.ID, instant)
	execSQL(t, s, `
		insert into logferry_private.quarantine (stream_id, raw_sha256, reason_code, raw, run_id, resolved_at, resolution)
		values ($1::integer, '\x01', 'no_id', '', $2::bigint, null, null), ($1::integer, '\x02', 'no_id', '', $2::bigint, now(), 'discarded')`, busy.ID, run)
	outside, oldest := int64(3), instant.Add(-time.Hour)
	must(t, s.SaveOutside(ctx, busy.ID, &outside))
	must(t, s.SaveOldest(ctx, busy.ID, &oldest))
	must(t, s.SaveDialect(ctx, busy.ID, []byte(`{}`)))
	must(t, s.SetGone(ctx, fresh.ID, true))
	now, err := s.Now(ctx)
	must(t, err)

	got, err := s.Status(ctx)
	must(t, err)
	if len(got) != 2 || len(got[0].Claims) != 1 || got[0].LastAttestedAt == nil {
		t.Fatalf("status %+v", got)
	}
	for i, st := range got {
		if late := st.Lag - now.Sub(st.Watermark); late < 0 || late > time.Minute {
			t.Errorf("%s: lag %v with the watermark at %v", st.Name, st.Lag, st.Watermark)
		}
		got[i].Lag = 0
	}
	if at := *got[0].LastAttestedAt; now.Sub(at) < 0 || now.Sub(at) > time.Minute {
		t.Errorf("last attested at %v, now %v", at, now)
	}
	if lease := got[0].Claims[0].Lease; lease <= 0 || lease > 15*time.Second {
		t.Errorf("lease %v", lease)
	}
	got[0].LastAttestedAt, got[0].Claims[0].Lease = nil, 0

	want := []Status{{
		Source: source, Name: busy.Name, Enabled: true, Proven: true,
		StartsAt: instant, Watermark: instant.Add(2 * time.Hour), CompleteUpTo: instant.Add(2 * time.Hour),
		Gaps: 1, Doubtful: 1, Quarantined: 1, Logs: 30, Outside: &outside, SourceOldest: &oldest,
		Claims: []ClaimStatus{{WindowID: claim, RunID: run, Kind: "sync", From: instant.Add(6 * time.Hour), To: instant.Add(7 * time.Hour)}},
	}, {
		Source: source, Name: fresh.Name, Enabled: true, Gone: true,
		StartsAt: instant, Watermark: instant, CompleteUpTo: instant,
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
}
