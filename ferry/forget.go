package ferry

import "context"

// Forget drops what is known and covered of a stream; its rows stay. If the
// settings still name or discover it, the next pass meets it as a new one.
func (f *Ferry) Forget(ctx context.Context, name string) error {
	found, err := f.store.Forget(ctx, name)
	if err == nil && !found {
		return noStream(name)
	}
	return err
}
