package ferry_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"logferry/emulator"
)

// A signalled is the cause of a context that a signal ended, as the program has
// one.
type signalled struct{ code int }

func (signalled) Error() string   { return "stopped by a signal" }
func (s signalled) ExitCode() int { return s.code }

// A run that a signal ended says so in its row, with the exit code that the
// process has.
func TestRunEndedByASignal(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	prod := w.gateway("prod")
	prod.Insert(cloudflareLogs(1, 300, time.Now().Add(-20*time.Hour), time.Now().Add(-2*time.Hour))...)
	ctx, stop := context.WithCancelCause(t.Context())
	prod.SetFaults(emulator.Faults{Intercept: func(_ http.ResponseWriter, _ *http.Request, n int) bool {
		if n == 3 {
			stop(signalled{143})
		}
		return false
	}})
	if _, err := w.ferry().Sync(ctx); err == nil {
		t.Error("the pass ended well")
	}
	if got := query[string](w, `select status || ' ' || exit_code from logferry.runs`); got != "interrupted 143" {
		t.Errorf("the run's row says %q", got)
	}
}
