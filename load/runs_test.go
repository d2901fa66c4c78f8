package load

import (
	"context"
	"testing"
)

func TestRuns(t *testing.T) {
	s := open(t)
	run := Run{Command: "sync", Version: "1.2.3", Schema: 21, Mapping: 4, ConfigHash: []byte{1, 2}, Host: "pod-7"}
	id, err := s.StartRun(t.Context(), run)
	must(t, err)
	if n := count(t, s, `select count(*) from logferry.runs where run_id = $1::bigint and status = 'running' and command = 'sync'
		and logferry_version = '1.2.3' and schema_version = 21 and mapping_version = 4 and config_sha256 = '\x0102'
		and host = 'pod-7' and finished_at is null and exit_code is null and error is null`, id); n != 1 {
		t.Error("the started run is not entered as given")
	}
	next, err := s.StartRun(t.Context(), Run{Command: "verify", Version: "1.2.3"})
	must(t, err)
	if next == id {
		t.Errorf("both runs have number %d", id)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.FinishRun(cancelled, id, "interrupted", 143, ""); err == nil {
		t.Error("finished with a cancelled context")
	}
	must(t, s.FinishRun(t.Context(), id, "interrupted", 143, "cut\x00 off \xff"))
	must(t, s.FinishRun(t.Context(), id, "succeeded", 0, "")) // too late
	if n := count(t, s, `select count(*) from logferry.runs where run_id = $1::bigint and status = 'interrupted'
		and exit_code = 143 and finished_at >= started_at and error = E'cut\uFFFD off \uFFFD'`, id); n != 1 {
		t.Error("the run did not keep its first end")
	}
	if n := count(t, s, `select count(*) from logferry.runs where run_id = $1::bigint and status = 'running' and host is null and config_sha256 is null`, next); n != 1 {
		t.Error("the other run was touched")
	}
}
