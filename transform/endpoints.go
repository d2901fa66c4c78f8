package transform

import "strings"

// An Endpoint is what a call's path and types mean.
type Endpoint struct {
	OperationName string // OpenTelemetry's gen_ai.operation.name where it has one; unknown when nothing tells
	IsStreaming   *bool  // the answer was an event stream; nil: unknown
}

// How the stream flag of a Keywords AI log is spelt in
// [EndpointKey.ResponseContentType].
const (
	streamedFlag = "stream=true"
	notStreamed  = "stream=false"
)

// ReadEndpoint reads a call's description: the path tells first, then the
// model type, then the request type (for Keywords AI: the log type).
func ReadEndpoint(source string, k EndpointKey) Endpoint {
	operation := pathOperation(k.URLPath)
	if operation == "" && source == SourceCloudflare {
		operation = firstText(typeOperation(k.ModelType), pathOperation(k.RequestType))
	}
	operation = firstText(operation, typeOperation(k.RequestType), "unknown")
	return Endpoint{OperationName: operation, IsStreaming: streaming(k)}
}

// writesText tells whether an operation's answer is made of output tokens.
func writesText(operation string) bool {
	return operation == "chat" || operation == "text_completion" || operation == "generate_content"
}

// pathOperation knows an operation by the end of its path; "" when it doesn't.
func pathOperation(path string) string {
	path = strings.Trim(strings.ToLower(path), "/")
	before, last := "", path
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		before, last = path[:i], path[i+1:]
	}
	if i := strings.LastIndexByte(last, ':'); i >= 0 {
		return methodOperations[last[i+1:]]
	}
	parent := before[strings.LastIndexByte(before, '/')+1:]
	switch {
	case last == "completions" && parent == "chat":
		return "chat"
	case last == "messages" && parent != "{id}":
		return "chat"
	case parent == "images" || parent == "audio":
		return mediaOperations[parent+"/"+last]
	case parent == "text-to-speech":
		return "speech"
	}
	return lastOperations[last]
}

// methodOperations are Google's methods, written after a colon.
var methodOperations = map[string]string{
	"generatecontent":       "generate_content",
	"streamgeneratecontent": "generate_content",
	"embedcontent":          "embeddings",
	"batchembedcontents":    "embeddings",
}

var mediaOperations = map[string]string{
	"images/generations":   "image_generation",
	"images/edits":         "image_generation",
	"images/variations":    "image_generation",
	"audio/speech":         "speech",
	"audio/transcriptions": "transcription",
	"audio/translations":   "transcription",
}

var lastOperations = map[string]string{
	"responses":       "chat",
	"chat":            "chat",
	"converse":        "chat",
	"converse-stream": "chat",
	"completions":     "text_completion",
	"complete":        "text_completion",
	"embeddings":      "embeddings",
	"embed":           "embeddings",
	"rerank":          "rerank",
	"moderations":     "moderation",
	"text-to-speech":  "speech",
}

// typeOperation reads a model type, request type or log type; "" when it says
// nothing.
func typeOperation(name string) string {
	return typeOperations[strings.ReplaceAll(strings.ToLower(name), "-", "_")]
}

var typeOperations = map[string]string{
	"chat":             "chat",
	"chat_completion":  "chat",
	"response":         "chat",
	"llm":              "chat",
	"text":             "text_completion",
	"completion":       "text_completion",
	"text_completion":  "text_completion",
	"text_generation":  "text_completion",
	"generate_content": "generate_content",
	"embedding":        "embeddings",
	"embeddings":       "embeddings",
	"text_embeddings":  "embeddings",
	"image":            "image_generation",
	"image_generation": "image_generation",
	"text_to_image":    "image_generation",
	"speech":           "speech",
	"text_to_speech":   "speech",
	"transcription":    "transcription",
	"rerank":           "rerank",
	"moderation":       "moderation",
	"tool":             "execute_tool",
	"function":         "execute_tool",
	"agent":            "invoke_agent",
}

// streaming tells by the path or the content type of the response.
func streaming(k EndpointKey) *bool {
	path := strings.ToLower(k.URLPath)
	contentType, _, _ := strings.Cut(strings.ToLower(k.ResponseContentType), ";")
	switch strings.TrimSpace(contentType) {
	case "text/event-stream", "application/vnd.amazon.eventstream", streamedFlag:
		return new(true)
	}
	if strings.HasSuffix(path, ":streamgeneratecontent") || strings.HasSuffix(path, "/converse-stream") ||
		strings.HasSuffix(path, "/invoke-with-response-stream") {
		return new(true)
	}
	if contentType == "" {
		return nil
	}
	return new(false)
}

// foldPath makes a logged path low in variety: the query and the host go,
// identifiers become {id}, and names that customers give become {deployment}
// and {project}.
func foldPath(path string) string {
	if i := strings.IndexAny(path, "?#"); i >= 0 {
		path = path[:i]
	}
	if i := strings.Index(path, "://"); i >= 0 {
		path = path[i+len("://"):]
		path = path[strings.IndexByte(path+"/", '/'):]
	}
	if strings.IndexByte(path, '/') < 0 && !isIdentifier(path) {
		return path
	}
	segments := strings.Split(path, "/")
	for i, segment := range segments {
		switch {
		case i > 0 && segments[i-1] == "deployments":
			segments[i] = "{deployment}"
		case i > 0 && segments[i-1] == "projects":
			segments[i] = "{project}"
		case isIdentifier(segment):
			segments[i] = "{id}"
		}
	}
	return strings.Join(segments, "/")
}

// isIdentifier tells a generated identifier from a word: a number, at least 16
// letters and digits with a digit among them and no dash inside but a UUID's,
// or such a thing after a short prefix (thread_…, file-…).
func isIdentifier(segment string) bool {
	if allDigits(segment) {
		return true
	}
	tail := segment
	if i := strings.LastIndexAny(segment, "_-"); i >= 0 && i <= len("response_") && strings.IndexAny(segment, "_-") == i {
		tail = segment[i+1:]
	}
	if len(segment) == 36 && strings.Count(segment, "-") == 4 {
		tail = strings.ReplaceAll(segment, "-", "")
	}
	digits := 0
	for _, c := range []byte(tail) {
		switch {
		case c >= '0' && c <= '9':
			digits++
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z':
		default:
			return false
		}
	}
	return len(tail) >= 16 && digits > 0
}
