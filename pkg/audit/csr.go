package audit

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"

	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/field"
)

// longestCSR limits what is decoded of a certificate signing request, in characters of Base64 in the event. Real ones
// have a few thousand.
const longestCSR = 256 << 10

// csrFields are those that read for whom a certificate is asked. The API server takes the common name of a client
// certificate for the user and its organizations for his groups. Whoever approves a request sends it along, but what he
// sends is not what gets approved: that is in the response.
func csrFields() []field.Field {
	return []field.Field{
		text("ka.req.csr.user", "User that the certificate signing request in the request is for: its common name.", csrUser(requestObject)),
		list("ka.req.csr.groups", "Groups that the certificate signing request in the request is for: its organizations.", csrGroups(requestObject)),
		text("ka.response.csr.user", "User that the certificate signing request in the response is for: its common name.", csrUser(responseObject)),
		list("ka.response.csr.groups", "Groups that the certificate signing request in the response is for: its organizations.", csrGroups(responseObject)),
	}
}

func csrUser(object member) extract {
	return func(r *Record, _ *field.Arg, v *event.Value) bool {
		v.Text = csrSubject(r, object).CommonName
		return v.Text != ""
	}
}

func csrGroups(object member) extract {
	return func(r *Record, _ *field.Arg, v *event.Value) bool {
		for _, name := range csrSubject(r, object).Organization {
			v.Grow().Text = name
		}
		return len(v.List) > 0
	}
}

// csrSubject is the subject of the certificate signing request in an object, read as the API server reads it: the first
// block of PEM must be the request. It is empty when there is none that can be read.
func csrSubject(r *Record, object member) pkix.Name {
	text, ok := r.text(r.get(r.at[object], "spec", "request"))
	if !ok || len(text) > longestCSR {
		return pkix.Name{}
	}
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return pkix.Name{}
	}
	block, _ := pem.Decode(raw)
	if block == nil || block.Type != "CERTIFICATE REQUEST" {
		return pkix.Name{}
	}
	request, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return pkix.Name{}
	}
	return request.Subject
}
