package extract

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
)

// What must never be seen in an error: the credential, and what people wrote.
const (
	canaryToken  = "CANARY-TOKEN-6f1d"
	canaryPrompt = "CANARY-PROMPT-91ab"
)

func TestP03ErrorMessages(t *testing.T) {
	codes := func(code int) string {
		return fmt.Sprintf(`{"success":false,"errors":[{"code":%d,"message":%q}],"result":null}`, code, canaryPrompt+canaryToken)
	}
	detail := fmt.Sprintf(`{"detail":%q}`, canaryPrompt)
	for _, c := range []struct {
		name   string
		api    string
		status int
		body   string
		page   int
		want   string
		kind   Kind
	}{
		{"cloudflare 401", "cf", 401, codes(10000), 1,
			`Cloudflare refused the credential to list logs of gateway "gw" (HTTP 401, code 10000): check CLOUDFLARE_API_TOKEN, which needs the permission "AI Gateway Read" on the account`, Refused},
		{"cloudflare 403", "cf", 403, codes(9109), 1,
			`Cloudflare refused the credential to list logs of gateway "gw" (HTTP 403, code 9109): check CLOUDFLARE_API_TOKEN, which needs the permission "AI Gateway Read" on the account`, Refused},
		{"cloudflare 400 with a code of the front door", "cf", 400, codes(6003), 1,
			`Cloudflare refused the credential to list logs of gateway "gw" (HTTP 400, code 6003): check CLOUDFLARE_API_TOKEN, which needs the permission "AI Gateway Read" on the account`, Refused},
		{"cloudflare 404", "cf", 404, codes(7002), 1,
			`Cloudflare has no gateway "gw" for this credential, gone or not permitted (HTTP 404, code 7002): check the id, and that CLOUDFLARE_API_TOKEN may read it`, Gone},
		{"cloudflare success false, 7002", "cf", 200, codes(7002), 1,
			`Cloudflare has no gateway "gw" for this credential, gone or not permitted (HTTP 200, code 7002): check the id, and that CLOUDFLARE_API_TOKEN may read it`, Gone},
		{"cloudflare 400", "cf", 400, codes(7001), 1,
			`Cloudflare did not accept the request to list logs of gateway "gw" (HTTP 400, code 7001): check CLOUDFLARE_ACCOUNT_ID, CLOUDFLARE_GATEWAY_IDS and CLOUDFLARE_BASE_URL`, Config},
		{"cloudflare 404 with a path that can't be routed", "cf", 404, codes(7003), 1,
			`Cloudflare did not accept the request to list logs of gateway "gw" (HTTP 404, code 7003): check CLOUDFLARE_ACCOUNT_ID, CLOUDFLARE_GATEWAY_IDS and CLOUDFLARE_BASE_URL`, Config},
		{"cloudflare past the end", "cf", 400, codes(7001), 2,
			`Cloudflare has no such page to list logs of gateway "gw" (HTTP 400, code 7001)`, NoPage},
		{"cloudflare, the second of two codes decides", "cf", 404, `{"errors":[{"code":1000},{"code":7003},{"code":10000}]}`, 1,
			`Cloudflare did not accept the request to list logs of gateway "gw" (HTTP 404, code 7003): check CLOUDFLARE_ACCOUNT_ID, CLOUDFLARE_GATEWAY_IDS and CLOUDFLARE_BASE_URL`, Config},
		{"cloudflare success false", "cf", 200, codes(1234), 1,
			`Cloudflare is unavailable: list logs of gateway "gw" (HTTP 200, code 1234, 5 tries); run again later`, Unavailable},
		{"cloudflare HTML with 200", "cf", 200, "<html>" + canaryPrompt, 1,
			`Cloudflare is unavailable: list logs of gateway "gw" (HTTP 200, the answer is not whole, valid JSON, 5 tries); run again later, or check the network and CLOUDFLARE_BASE_URL`, Unavailable},
		{"cloudflare HTML with 502", "cf", 502, "<html>" + canaryPrompt, 1,
			`Cloudflare is unavailable: list logs of gateway "gw" (HTTP 502, 5 tries); run again later`, Unavailable},
		{"cloudflare too large", "cf", 200, strings.Repeat(canaryPrompt, 1<<20), 1,
			`Cloudflare: list logs of gateway "gw": the answer is larger than 8 MiB; ask for fewer rows a page`, TooLarge},
		{"keywords 401", "kw", 401, detail, 1,
			`Keywords AI refused the credential to list logs of dataset "gw" (HTTP 401): check RESPAN_API_KEY`, Refused},
		{"keywords 404", "kw", 404, detail, 1,
			`Keywords AI has no dataset "gw" for this credential, gone or not permitted (HTTP 404): check the id, and that RESPAN_API_KEY may read it`, Gone},
		{"keywords 422", "kw", 422, detail, 1,
			`Keywords AI did not accept the request to list logs of dataset "gw" (HTTP 422): check KEYWORDSAI_DATASET_IDS and KEYWORDSAI_BASE_URL`, Config},
		{"keywords past the end", "kw", 404, detail, 9,
			`Keywords AI has no such page to list logs of dataset "gw" (HTTP 404)`, NoPage},
		{"keywords 200 with an error", "kw", 200, detail, 1,
			`Keywords AI is unavailable: list logs of dataset "gw" (HTTP 200, the answer has not the documented form, 5 tries); run again later, or check the network and KEYWORDSAI_BASE_URL`, Unavailable},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &script{answer: func(int, *http.Request) (*http.Response, error) {
					return said(c.status, c.body, "X-Canary", canaryPrompt), nil
				}}
				api := API(cloudflareVia(s, Options{}))
				if c.api == "kw" {
					api = keywordsVia(s)
				}
				_, err := api.Page(t.Context(), Ask{Container: "gw", Page: c.page, Size: 50})
				if err == nil || err.Error() != c.want || KindOf(err) != c.kind {
					t.Errorf("kind %d: %v\nwant %d: %s", KindOf(err), err, c.kind, c.want)
				}
			})
		})
	}
}

func TestErrorsOfTheAccount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, err := cloudflareVia(failing(1000, 404), Options{}).Streams(t.Context())
		want := `Cloudflare did not accept the request to list gateways (HTTP 404): check CLOUDFLARE_ACCOUNT_ID, CLOUDFLARE_GATEWAY_IDS and CLOUDFLARE_BASE_URL`
		if err == nil || err.Error() != want || KindOf(err) != Config {
			t.Errorf("Streams: %v\nwant %s", err, want)
		}
	})
}

func TestTokenWithALineBreakIsRefusedHere(t *testing.T) {
	s := failing(0, 0)
	cf := NewCloudflare(CloudflareConfig{Token: canaryToken + "\n", AccountID: "acc", BaseURL: "https://api.test", Options: Options{Transport: s}})
	_, err := cf.Page(t.Context(), firstPage)
	if KindOf(err) != Refused || len(s.sent) != 0 || strings.Contains(err.Error(), canaryToken) {
		t.Errorf("%d requests, %v; want Refused without asking", len(s.sent), err)
	}
}

func TestBaseURLThatIsNone(t *testing.T) {
	for _, base := range []string{"", "api.test", "ftp://api.test", "https://", "https://user:" + canaryToken + "@\x7f"} {
		cf := NewCloudflare(CloudflareConfig{Token: "x", AccountID: "acc", BaseURL: base})
		_, err := cf.Page(t.Context(), firstPage)
		if KindOf(err) != Config || !strings.Contains(err.Error(), "CLOUDFLARE_BASE_URL") || strings.Contains(err.Error(), canaryToken) {
			t.Errorf("base %q: %v", base, err)
		}
	}
}
