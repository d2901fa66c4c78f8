package ferry

import (
	"context"
	"fmt"
)

// unattested is the error of a run of which windows would not attest. Time that
// was covered before stays covered: then it is only doubtful.
func (r *run) unattested(ctx context.Context, advice string) error {
	r.mu.Lock()
	n := r.sum.Mismatch
	r.mu.Unlock()
	if n == 0 {
		return nil
	}
	covered, err := r.store.MismatchesCovered(ctx, r.id)
	if err != nil {
		return err
	}
	covered = min(covered, n)
	became := "the time is not covered"
	switch {
	case covered == n:
		became = "the time stays covered, and is doubtful"
	case covered > 0:
		became = fmt.Sprintf("the time of %d is not covered, that of %d stays covered and is doubtful", n-covered, covered)
	}
	return &DataError{number(n, "window") + " would not attest; what was read is loaded, " + became + ": " + advice}
}
