package transform

import (
	"os"
	"testing"
)

func BenchmarkCloudflare(b *testing.B) {
	benchmark(b, Cloudflare, "testdata/cloudflare/seen_live_members.json", "created_at")
}

func BenchmarkKeywordsAI(b *testing.B) {
	benchmark(b, KeywordsAI, "testdata/keywordsai_timestamp/recorded_live_log.json", "timestamp")
}

func benchmark(b *testing.B, read decode, name, timeField string) {
	doc, err := os.ReadFile(name)
	if err != nil {
		b.Fatal(err)
	}
	o := testOptions(false)
	o.TimeField = timeField
	b.SetBytes(int64(len(doc)))
	b.ReportAllocs()
	for b.Loop() {
		if rec, reject := read(doc, o); rec == nil {
			b.Fatal(reject.Code)
		}
	}
}
