package ferry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"logferry/extract"
	"logferry/load"
)

// readHead asks for the head's first page, which is in flight until the head is
// told to drop it.
func (s *stream) readHead(ctx context.Context) ([][]byte, error) {
	docs, err := s.firstHead(ctx)
	if err == nil {
		err = errors.Join(s.watchPages(ctx), s.saveHead(ctx))
	}
	if err != nil && s.head != nil {
		s.head.Drop()
	}
	return docs, err
}

// firstHead is the head's first page. A stream met for the first time may keep
// its time in another field than the first one asked for: then the head is
// asked again, ordered by that.
func (s *stream) firstHead(ctx context.Context) ([][]byte, error) {
	var docs [][]byte
	var refused error
	for _, field := range s.timeFields() {
		if s.head != nil {
			s.head.Drop()
		}
		s.use(field)
		s.head, s.listing = s.feed().Head(), nil
		s.head.Times = s.times
		var err error
		docs, err = s.nextHead(ctx)
		if err != nil && (extract.KindOf(err) != extract.Config || s.proven) {
			return nil, err
		}
		if refused = err; err == nil && (len(docs) == 0 || s.head.Newest.ID != "") {
			return docs, nil
		}
	}
	if refused != nil {
		return nil, refused
	}
	s.run.note(s.Name + ": no listed log has a usable time")
	return docs, nil
}

// timeFields are the candidates, the proven one alone once there is one.
func (s *stream) timeFields() []string {
	if s.proven {
		return []string{s.dialect().TimeField}
	}
	var fields []string
	for _, d := range s.account.api.Dialects() {
		if !slices.Contains(fields, d.TimeField) {
			fields = append(fields, d.TimeField)
		}
	}
	return fields
}

// nextHead reads the head's next page.
func (s *stream) nextHead(ctx context.Context) ([][]byte, error) {
	s.heading.Lock()
	defer s.heading.Unlock()
	return s.head.Next(ctx, func(doc []byte) extract.Mark {
		m := s.identify(doc, s.options.TimeField)
		if m.ID != "" && !m.At.IsZero() && m.At.Before(s.settled()) {
			s.listing = append(s.listing, extract.Known{Mark: m, Times: s.times(doc)})
		}
		return m
	})
}

// times are a document's times by each field that may turn out to be the
// stream's; nil: that is settled.
func (s *stream) times(doc []byte) map[string]time.Time {
	if s.proven {
		return nil
	}
	times := map[string]time.Time{}
	for _, field := range s.timeFields() {
		times[field] = s.identify(doc, field).At
	}
	return times
}

func (s *stream) saveHead(ctx context.Context) error {
	if s.dry {
		return nil
	}
	text, err := json.Marshal(map[string]any{
		"newest_at": s.head.Newest.At, "newest_id": s.head.Newest.ID, "total": s.head.Total, "read_at": s.run.now,
		"page_size": s.head.PageSize(),
	})
	if err != nil {
		return err
	}
	return s.run.store.SaveHead(ctx, s.ID, text)
}

// A footing says what a stream's head allows the run to do.
type footing int

const (
	ready footing = iota // the dialect is proven: read windows
	fresh                // no log is older than settle: nothing can be covered yet
	empty                // the source counts no log at all: all settled time is covered
)

// stand finds the stream's footing and proves its dialect where it must be.
func (s *stream) stand(ctx context.Context) (footing, error) {
	h := s.head
	h.Drop() // a proof asks for pages of its own
	switch {
	case h.Rows == 0 && h.Total == 0:
		return empty, nil
	case s.proven && (h.Rows == 0 || h.Shape == s.dialect().Shape):
		return ready, nil
	case h.Rows == 0 && h.Total > 0:
		return fresh, &DataError{"it counts logs but lists none; nothing is covered"}
	case h.Rows == 0:
		return fresh, nil
	case s.proven:
		s.run.note(fmt.Sprintf("%s answers in another form than before (%s, was %s): proving its dialect again", s.Name, h.Shape, s.dialect().Shape))
	}
	// The oldest log listed so far may be younger than settle on a busy
	// stream, which proves as well; but when the whole list is that young the
	// stream is new.
	if h.Ended && h.Oldest.ID != "" && !h.Oldest.At.Before(s.run.now.Add(-s.run.cfg.Settle)) {
		return fresh, nil
	}
	if err := s.prove(ctx); errors.Is(err, extract.ErrUnproven) {
		return fresh, &DataError{"its time filter could not be proven against a listed log; nothing is covered"}
	} else if err != nil {
		return fresh, err
	}
	return ready, nil
}

// headBy reads the head again where the dialect that was proven first calls the
// time otherwise than the head was asked: its logs' times, and whether the order
// is honoured, were told by the wrong name.
func (s *stream) headBy(ctx context.Context, d *extract.Dialect) error {
	if d.TimeField == s.options.TimeField && d.FilterBy == "" {
		return nil
	}
	s.speak(*d)
	s.options.TimeField = d.TimeField
	s.head, s.listing = s.feed().Head(), nil
	_, err := s.nextHead(ctx)
	s.head.Drop()
	d.Sorted = s.head.Sorted
	return errors.Join(err, s.saveHead(ctx))
}

// agrees tells whether the head supports what a filtered answer claims by not
// showing logs of the span. A log that the head lists there, and that the
// reading has not met, contradicts it; else the reading itself must show that
// the filter works, or the head that nothing is there: otherwise its filter must
// find, now, a log that is known to be listed. A filter that has stopped working
// must not cover anything, also when another was proven since.
func (s *stream) agrees(ctx context.Context, span load.Span, r *extract.Reading, met func(id string) bool) (bool, error) {
	s.heading.Lock()
	defer s.heading.Unlock()
	for _, k := range s.listing {
		if !k.At.Before(span.From) && k.At.Before(span.To) && !met(k.ID) {
			return s.contradicted(ctx, k)
		}
	}
	h := s.head
	switch {
	case r.Distinct() > 0, h.Rows == 0 && h.Total == 0:
		return true, nil
	case h.Sorted && h.Rows > 0 && h.Oldest.At.Before(span.From):
		return true, nil // the list was read below the span and shows nothing in it
	case !h.Sorted && h.Total >= 0:
		held, err := s.run.store.Held(ctx, s.ID)
		if err != nil || h.Total == held {
			return err == nil, err
		}
	}
	works, err := s.prover(nil).Finds(ctx, s.dialect())
	if err == nil && !works {
		works, err = s.provenAgain(ctx)
	}
	// What works now may not be what the reading was made with.
	return works && r.Dialect().SameFilter(s.dialect()), err
}

// contradicted proves the dialect with a log that the head lists where the
// filter showed none. Only if the log is no longer listed was the filter right;
// a filter that finds it now lagged behind the list.
func (s *stream) contradicted(ctx context.Context, k extract.Known) (bool, error) {
	err := s.proveWith(ctx, &k)
	switch {
	case errors.Is(err, extract.ErrUnlisted):
		return true, nil
	case errors.Is(err, extract.ErrUnproven):
		return false, nil // nobody knows: the window is read again later
	}
	return false, err
}

// provenAgain proves the dialect again; the caller holds heading.
func (s *stream) provenAgain(ctx context.Context) (bool, error) {
	err := s.prove(ctx)
	if errors.Is(err, extract.ErrUnproven) {
		return false, nil
	}
	return err == nil, err
}
