package emulator

// A Dialect is how the Keywords AI log list speaks. Three generations of its
// documentation contradict each other and one recorded live run, on one and
// the same path. The zero value is the oldest: logs and total, page numbers in
// the body, bounds as {gte, lte}, created_at, an empty page past the end.
type Dialect struct {
	Shape   Shape
	Grammar Grammar
	// OtherGrammar is what becomes of a condition in another grammar, or on a
	// time member that is not FilterField; empty: it is ignored silently.
	OtherGrammar Treatment
	// TimeField is the member that carries a log's time: created_at, timestamp
	// or start_time; empty: created_at. Documents must fit: see [KeywordsAILog].
	TimeField string
	// FilterField is the name by which filters and sort_by know the time;
	// empty: TimeField.
	FilterField string
	// PageFrom is where page and page_size are read; empty: the body for
	// ShapeLogs, the query for the others. A GET has only its query.
	PageFrom Place
	// SortFrom is where sort_by is read; empty: query, then body. A list that
	// is not sorted is in the order of ids.
	SortFrom Place
	// PastEnd is the answer to a page past the last; empty: an empty page for
	// ShapeLogs and ShapeArray, 404 for ShapeResults.
	PastEnd PastEnd
	// SlashOptional serves paths without a slash at the end; otherwise they
	// are redirected with 301, and a redirected POST loses its body.
	SlashOptional bool
}

// LiveDialect is what the recorded live run and the vendor's SDK agree on:
// count and results, page numbers in the query, conditions with operators,
// timestamp, 404 past the end.
var LiveDialect = Dialect{Shape: ShapeResults, Grammar: GrammarList, TimeField: "timestamp"}

// A Shape is a response form.
type Shape string

// The shapes; the empty one is ShapeLogs.
const (
	ShapeLogs    Shape = "logs"    // {logs, total, page, page_size, total_pages}
	ShapeResults Shape = "results" // {count, next, previous, results}
	ShapeArray   Shape = "array"   // [...]: no total
)

// A Grammar is how a span of time is spelt in filters.
type Grammar string

// The grammars; the empty one is GrammarBounds. GrammarList and GrammarBundle
// both take a single {"operator": …, "value": …}.
const (
	// {"created_at": {"gte": …, "lte": …}}
	GrammarBounds Grammar = "bounds"
	// {"created_at": [{"operator": "gte", "value": …}, {"operator": "lt", "value": …}]}
	GrammarList Grammar = "list"
	// {"created_at": {"operator": "gte", "value": …},
	//  "any name": {"connector": "AND", "filter_params": {"created_at": {"operator": "lt", "value": …}}}}
	GrammarBundle Grammar = "bundle"
)

// A Place is a part of a request.
type Place string

// The places.
const (
	InBody   Place = "body"
	InQuery  Place = "query"
	Anywhere Place = "anywhere" // the query first
	OnGet    Place = "GET only" // the query of a GET; a POST is not looked at
	Nowhere  Place = "nowhere"  // never looked at
)

// PastEnd is the answer to a page past the last.
type PastEnd string

// The answers past the end.
const (
	EmptyPage   PastEnd = "empty"
	InvalidPage PastEnd = "404" // {"detail": "Invalid page."}
)

// whole fills in what an empty member means.
func (d Dialect) whole() Dialect {
	if d.Shape == "" {
		d.Shape = ShapeLogs
	}
	if d.Grammar == "" {
		d.Grammar = GrammarBounds
	}
	if d.OtherGrammar == "" {
		d.OtherGrammar = Ignored
	}
	if d.TimeField == "" {
		d.TimeField = "created_at"
	}
	if d.FilterField == "" {
		d.FilterField = d.TimeField
	}
	if d.PageFrom == "" {
		d.PageFrom = InQuery
		if d.Shape == ShapeLogs {
			d.PageFrom = InBody
		}
	}
	if d.SortFrom == "" {
		d.SortFrom = Anywhere
	}
	if d.PastEnd == "" {
		d.PastEnd = EmptyPage
		if d.Shape == ShapeResults {
			d.PastEnd = InvalidPage
		}
	}
	return d
}
