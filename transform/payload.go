package transform

// said builds a document's payload. Its issues count only when it is kept:
// those of texts that are stored nowhere would tell nobody anything.
func (r *reading) said(build func(*reading) Payload) *Payload {
	reader := &reading{members: r.members, issues: &issues{}, options: r.options}
	payload := build(reader)
	if r.options.KeepPayloads {
		for _, code := range reader.codes {
			r.note(code)
		}
	}
	if payload.InputMessages == nil && payload.OutputMessages == nil && payload.Parameters == nil &&
		payload.RequestHead == nil && payload.ResponseHead == nil {
		return nil
	}
	return &payload
}

// cloudflarePayload takes what detail answers carry. In lists the members are
// absent or empty.
func cloudflarePayload(r *reading) Payload {
	return Payload{
		InputMessages:  r.spoken("request"),
		OutputMessages: r.spoken("response"),
		RequestHead:    r.head("request_head"),
		ResponseHead:   r.head("response_head"),
	}
}

func (r *reading) head(name string) *string {
	text := r.text(name)
	if text == "" {
		return nil
	}
	return &text
}

// keywordsAIPayload looks for each side of the conversation where the forms of
// a dataset log have it.
func keywordsAIPayload(r *reading) Payload {
	input, output := r.messages()
	return Payload{
		InputMessages:  firstBytes(input, r.spoken("input"), r.spoken("prompt_messages"), r.spoken("prompt")),
		OutputMessages: firstBytes(output, r.spoken("output"), r.spoken("completion_message"), r.spoken("completion")),
		Parameters:     r.otherParameters(),
	}
}

func firstBytes(values ...[]byte) []byte {
	for _, v := range values {
		if v != nil {
			return v
		}
	}
	return nil
}

// spoken reads a member that holds JSON, or JSON in a text, or plain text.
func (r *reading) spoken(name string) []byte {
	value := r.value(name)
	if isEmpty(value) {
		return nil
	}
	if value[0] == '"' {
		if inside := embedded(r.unquote(value)); inside != nil {
			value = inside
		}
	}
	return canonical(value, r.issues)
}

// messages splits a conversation: the last message of the assistant, with
// whatever follows it, is the output, everything before it the input. Without
// one all is input.
func (r *reading) messages() (input, output []byte) {
	value := r.value("messages")
	if isEmpty(value) {
		return nil, nil
	}
	if value[0] == '"' {
		value = embedded(r.unquote(value))
	}
	if len(value) == 0 || value[0] != '[' {
		return r.spoken("messages"), nil
	}
	count, answer := 0, -1
	for i, message := range elementsOf(value) {
		if count = i + 1; isAssistant(message) {
			answer = i
		}
	}
	if answer < 0 {
		answer = count
	}
	return r.list(value, 0, answer), r.list(value, answer, count)
}

func isAssistant(message []byte) bool {
	if message[0] != '{' {
		return false
	}
	var role []byte
	for m := range membersOf(message) {
		if m.is("role") {
			role = m.value
		}
	}
	return string(role) == `"assistant"`
}

// list spells some of the messages, from one up to another, as a JSON array;
// nil when there are none.
func (r *reading) list(messages []byte, from, to int) []byte {
	if from == to {
		return nil
	}
	all := []byte{'['}
	for i, message := range elementsOf(messages) {
		if i < from || i >= to {
			continue
		}
		if i > from {
			all = append(all, ',')
		}
		all = append(all, message...)
	}
	return canonical(append(all, ']'), r.issues)
}

// otherParameters returns the call parameters that have no column.
func (r *reading) otherParameters() []byte {
	rest := []byte{'{'}
	for _, m := range r.object("parameters") {
		if m.is("temperature") || m.is("top_p") || m.is("max_tokens") {
			continue
		}
		if len(rest) > 1 {
			rest = append(rest, ',')
		}
		rest = append(append(append(rest, m.quoted...), ':'), m.value...)
	}
	if len(rest) == 1 {
		return nil
	}
	return canonical(append(rest, '}'), r.issues)
}
