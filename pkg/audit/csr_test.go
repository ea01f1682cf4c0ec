package audit

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/field"
)

// newCSR makes a signing request in PEM, padded with an extension of that many bytes.
func newCSR(tb testing.TB, subject pkix.Name, padding int) []byte {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	template := x509.CertificateRequest{Subject: subject}
	if padding > 0 {
		template.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3}, Value: make([]byte, padding)}}
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &template, key)
	if err != nil {
		tb.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})
}

// csrValues gives what the fields say of a text of PEM in an object.
func csrValues(tb testing.TB, object string, request []byte) map[string]any {
	tb.Helper()
	encoded, err := json.Marshal(map[string]any{"spec": map[string]any{"request": request}})
	if err != nil {
		tb.Fatal(err)
	}
	return csrFieldsOf(tb, `"`+object+`":`+string(encoded))
}

func csrFieldsOf(tb testing.TB, members string) map[string]any {
	tb.Helper()
	got := map[string]any{}
	text := []byte(`{"kind":"Event","auditID":"a","stageTimestamp":"2024-01-01T00:00:00Z",` + members + `}`)
	err := new(Splitter).Split(&Batch{}, text, func(b *Batch) error {
		for e := range b.All() {
			for _, f := range csrFields() {
				var v event.Value
				switch {
				case !f.Extract(e, &field.Arg{}, &v):
				case f.List:
					var all []string
					for _, one := range v.List {
						all = append(all, strings.Clone(one.Text))
					}
					got[f.Name] = all
				default:
					got[f.Name] = strings.Clone(v.Text)
				}
			}
		}
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	return got
}

func TestCSRFields(t *testing.T) {
	admin := pkix.Name{CommonName: "mallory", Organization: []string{"dev", "system:masters"}}
	good := newCSR(t, admin, 0)
	for _, c := range []struct {
		name    string
		request []byte
		want    map[string]any
	}{
		{"user and groups", good, map[string]any{"csr.user": "mallory", "csr.groups": []string{"dev", "system:masters"}}},
		{"no groups", newCSR(t, pkix.Name{CommonName: "a b\n"}, 0), map[string]any{"csr.user": "a b\n"}},
		{"no user", newCSR(t, pkix.Name{Organization: []string{"g"}}, 0), map[string]any{"csr.groups": []string{"g"}}},
		{"nobody", newCSR(t, pkix.Name{}, 0), map[string]any{}},
		{"the last common name counts", newCSR(t, pkix.Name{ExtraNames: []pkix.AttributeTypeAndValue{
			{Type: asn1.ObjectIdentifier{2, 5, 4, 3}, Value: "harmless"}, {Type: asn1.ObjectIdentifier{2, 5, 4, 3}, Value: "root"},
		}}, 0), map[string]any{"csr.user": "root"}},
		{"text around the block", slices.Concat([]byte("words\n"), good, []byte("more\n"), newCSR(t, pkix.Name{CommonName: "second"}, 0)),
			map[string]any{"csr.user": "mallory", "csr.groups": []string{"dev", "system:masters"}}},
		{"long", newCSR(t, admin, 100<<10), map[string]any{"csr.user": "mallory", "csr.groups": []string{"dev", "system:masters"}}},
		{"too long", newCSR(t, admin, longestCSR), map[string]any{}},
		{"another kind of block", bytes.ReplaceAll(good, []byte("CERTIFICATE REQUEST"), []byte("CERTIFICATE")), map[string]any{}},
		{"cut off", good[:len(good)/2], map[string]any{}},
		{"no DER", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: []byte("\x30\x84\xff\xff\xff\xff")}), map[string]any{}},
		{"empty", []byte{}, map[string]any{}},
	} {
		for object, prefix := range map[string]string{"requestObject": "ka.req.", "responseObject": "ka.response."} {
			want := map[string]any{}
			for name, value := range c.want {
				want[prefix+name] = value
			}
			if diff := cmp.Diff(want, csrValues(t, object, c.request)); diff != "" {
				t.Errorf("%s in %s (-want +got):\n%s", c.name, object, diff)
			}
		}
	}
}

// What is no Base64, or no text at all, has no subject; the last of two members counts.
func TestCSRFieldsOfOtherShapes(t *testing.T) {
	request := base64.StdEncoding.EncodeToString(newCSR(t, pkix.Name{CommonName: "mallory"}, 0))
	for members, want := range map[string]map[string]any{
		`"requestObject":{"spec":{"request":"` + strings.ReplaceAll(request, "L", `\u004c`) + `"}}`:   {"ka.req.csr.user": "mallory"},
		`"requestObject":{"spec":{"request":"AAAA","request":"` + request + `"}}`:                     {"ka.req.csr.user": "mallory"},
		`"requestObject":{"spec":{"request":"` + request + `","request":"AAAA"}}`:                     {},
		`"requestObject":{"spec":{"request":"` + request[1:] + `"}}`:                                  {},
		`"requestObject":{"spec":{"request":["` + request + `"]}}`:                                    {},
		`"requestObject":{"spec":{"request":null}},"responseObject":{"spec":"` + request + `"}`:       {},
		`"requestObject":[{"spec":{"request":"` + request + `"}}],"responseObject":"` + request + `"`: {},
	} {
		if diff := cmp.Diff(want, csrFieldsOf(t, members)); diff != "" {
			t.Errorf("%.60s (-want +got):\n%s", members, diff)
		}
	}
}

// FuzzCSR gives any text for a request: what the fields say is what crypto/x509 says of the first block, and nothing
// else, however broken it is.
func FuzzCSR(f *testing.F) {
	good := newCSR(f, pkix.Name{CommonName: "mallory", Organization: []string{"system:masters"}}, 0)
	f.Add(good)
	f.Add(good[:len(good)-30])
	f.Add(append([]byte("-----BEGIN CERTIFICATE REQUEST-----\n"), good...))
	f.Add([]byte("-----BEGIN CERTIFICATE REQUEST-----\nMAA=\n-----END CERTIFICATE REQUEST-----\n"))
	f.Fuzz(func(t *testing.T, request []byte) {
		want := map[string]any{}
		if base64.StdEncoding.EncodedLen(len(request)) > longestCSR {
			request = nil
		}
		if block, _ := pem.Decode(request); block != nil && block.Type == "CERTIFICATE REQUEST" {
			if parsed, err := x509.ParseCertificateRequest(block.Bytes); err == nil {
				if name := parsed.Subject.CommonName; name != "" {
					want["ka.req.csr.user"] = name
				}
				if groups := parsed.Subject.Organization; len(groups) > 0 {
					want["ka.req.csr.groups"] = groups
				}
			}
		}
		if diff := cmp.Diff(want, csrValues(t, "requestObject", request)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", request, diff)
		}
	})
}
