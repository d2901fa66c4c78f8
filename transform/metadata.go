package transform

// readMetadata reads the caller's own tags: a JSON object, or one inside a
// text. The first result looks values up, the second is the canonical spelling
// for jsonb, {} when there are none.
func (r *reading) readMetadata() (tags object, spelling []byte) {
	value := r.value("metadata")
	if isEmpty(value) {
		return nil, []byte("{}")
	}
	if value[0] == '"' {
		text := r.unquote(value)
		if text == "null" {
			return nil, []byte("{}")
		}
		value = embedded(text)
	}
	if len(value) == 0 || value[0] != '{' {
		r.note(IssueMetadataUnparsable)
		return nil, []byte("{}")
	}
	spelling = canonical(value, r.issues)
	if spelling == nil {
		return nil, []byte("{}")
	}
	return splitObject(spelling), spelling
}

// tag returns the first non-empty text or number under one of the keys.
func (o object) tag(keys ...string) string {
	for _, key := range keys {
		value, _ := o.last(key)
		switch {
		case isEmpty(value):
		case value[0] == '"':
			text, _ := unquote(value)
			return text
		case kind(value) == "number":
			return string(value)
		}
	}
	return ""
}

// tagged fills the columns that metadata keys can fill, where no member of its
// own did so before.
func (r *reading) tagged(rec *Record) {
	var tags object
	tags, rec.Metadata = r.readMetadata()
	for _, column := range []struct {
		text *string
		keys []string
	}{
		{&rec.UserID, r.options.UserIDKeys},
		{&rec.ConversationID, r.options.ConversationIDKeys},
		{&rec.Environment, environmentKeys},
	} {
		if *column.text == "" {
			*column.text = r.atMost(tags.tag(column.keys...), maxTagBytes)
		}
	}
}

var environmentKeys = []string{"environment", "env"}
