package doctor

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/saker-security/saker/pkg/daemon"
)

// answers are the status codes other than 200, with what they mean and what to do.
var answers = map[string]struct {
	verdict    Verdict
	text, next string
}{
	"400": {Look, "the body was not JSON, or was cut off on the way", "see the log of Saker for where it is wrong; a proxy may change it"},
	"401": {Bad, "no token, or none that is in audit.token_file", "compare token or tokenFile of the webhook configuration with audit.token_file"},
	"403": {Bad, "the address of the sender is in none of audit.allowed_networks", "add the address of the API server to audit.allowed_networks; behind a proxy it is that of the proxy"},
	"404": {Bad, "the path is another one", "the server of the webhook configuration must end with /k8s-audit or /k8s-audit/CLUSTER, in lower case and without a slash at the end"},
	"405": {Look, "the method was not POST", "an API server does not do that; a health check should ask /healthz of the web server"},
	"408": {Look, "the body did not arrive in time", "look at the network between them, and at how large the batches are"},
	"413": {Bad, "the body was longer than audit.max_body_bytes, and the API server gave the whole batch up", "raise audit.max_body_bytes, or lower --audit-webhook-batch-max-size"},
	"415": {Look, "the content is not JSON", "an API server does not do that; look at what else sends"},
	"500": {Bad, "the events could not be evaluated or stored, and were sent again", "see the log of Saker and the line about storage"},
	"503": {Look, "too much was being worked on, and the API server waited and sent again", "when this goes on, see the lines about storage and sinks, and give Saker more CPU"},
}

// handshakeNext says for each reason why a TLS connection did not come about what to do.
var handshakeNext = map[string]struct {
	verdict    Verdict
	text, next string
}{
	"no_client_certificate":                {Bad, "the sender shows no certificate", "name client-certificate and client-key in the webhook configuration"},
	"client_certificate_expired":           {Bad, "the certificate of the sender has expired or is not yet good", "renew it: saker audit init --renew; or set its clock"},
	"client_certificate_unknown_authority": {Bad, "the certificate of the sender is of another authority than audit.tls_client_ca", "use certificates of one saker audit init on both sides"},
	"client_certificate_bad":               {Bad, "the certificate of the sender is not one of a client, or is damaged", "it needs the extended key usage clientAuth; saker audit init makes such ones"},
	"server_certificate_refused":           {Bad, "the sender does not trust Saker's certificate", "certificate-authority of the webhook configuration must be the one that signed audit.tls_certificate, and the address must be in the certificate"},
	"plain_http":                           {Bad, "the sender speaks plain HTTP", "write https:// in the webhook configuration"},
	"tls_version":                          {Bad, "the sender knows no version of TLS from 1.2 on", "use a newer sender"},
	"timeout":                              {Look, "it took too long", "look at the network between them"},
	"closed":                               {Look, "the connection ended, as with health checks that only connect, or a sender that does not trust the certificate", "look at what connects; the sender's own log says why"},
	"other":                                {Look, "another reason", "see the log of Saker"},
}

// brokenNext says for each reason why what came was no request what to do.
var brokenNext = map[string]struct{ text, next string }{
	"malformed": {"that is no HTTP, or whose headers are wrong or too long", "an API server does not do that; look at what else sends, or at a proxy between them"},
	"slow":      {"whose headers did not arrive in time", "look at the network between them, and at what else connects"},
	"cut_off":   {"that the sender did not finish", "look at the network between them; port scanners do that as well"},
	"too_many":  {"on a connection that was closed at once, because there were 2,048, or 1,024 of one address", "find out who connects so often; an API server keeps one or two"},
	"http2":     {"that HTTP/2 forbids", "look at what else sends, or at a proxy between them"},
}

// refused judges requests that were not taken. Where events do arrive, those that are turned away at the door may be of
// somebody else, which is worth a look and no loss.
func (f *findings) refused(report *daemon.AuditReport) {
	r := report.Receiver
	if r == nil {
		return
	}
	door := func(v Verdict) Verdict {
		if report.Events.Received > 0 {
			return min(v, Look)
		}
		return v
	}
	for _, code := range slices.Sorted(maps.Keys(r.Requests)) {
		n := r.Requests[code]
		if a, known := answers[code]; known && n > 0 {
			verdict := a.verdict
			if strings.HasPrefix(code, "40") {
				verdict = door(verdict)
			}
			*f = append(*f, Finding{verdict, "answer " + code, plural(n, "request") + ": " + a.text, a.next})
		}
	}
	for _, reason := range slices.Sorted(maps.Keys(r.Handshakes)) {
		n := r.Handshakes[reason]
		if n == 0 {
			continue
		}
		h, known := handshakeNext[reason]
		if !known {
			h = handshakeNext["other"]
			h.text = strings.ReplaceAll(reason, "_", " ")
		}
		*f = append(*f, Finding{door(h.verdict), "TLS", plural(n, "connection") + " refused: " + h.text, h.next})
	}
	for _, reason := range slices.Sorted(maps.Keys(r.Broken)) {
		b, known := brokenNext[reason]
		if !known {
			b = brokenNext["malformed"]
			b.text = "ended: " + strings.ReplaceAll(reason, "_", " ")
		}
		*f = append(*f, Finding{Look, "broken requests", plural(r.Broken[reason], "request") + " " + b.text, b.next})
	}
}

func (f *findings) certificates(r *daemon.AuditReport) {
	if r.Receiver == nil {
		return
	}
	for _, c := range r.Receiver.Certificates {
		what := c.Key + " " + c.File
		if c.Error != "" {
			f.bad("certificate", "mend the file; the one that was read last stays in use until then", "%s cannot be read: %s", what, c.Error)
			continue
		}
		if c.Subject != "" {
			what += " (" + c.Subject + ")"
		}
		f.validity("certificate", what, r.Now, c.NotBefore, c.NotAfter)
	}
}

// accessFiles judges the files that decide who may send, when they changed.
func (f *findings) accessFiles(r *daemon.AuditReport) {
	if r.Receiver == nil {
		return
	}
	for _, a := range r.Receiver.Access {
		if a.Error != "" {
			f.look("access file", "mend the file; what was in it before stays in use until then, or until the program is started anew, which fails", "%s %s changed and cannot be used: %s", a.Key, a.File, a.Error)
		}
	}
}

// validity judges when a certificate begins and ends.
func (f *findings) validity(subject, what string, now, begin, end time.Time) {
	until := end.UTC().Format(time.DateOnly)
	const renew = "renew it before: saker audit init --renew"
	switch {
	case now.After(end):
		f.bad(subject, "renew it: saker audit init --renew", "%s expired on %s", what, until)
	case now.Before(begin):
		f.bad(subject, "set the clock, or wait", "%s is good only from %s on", what, begin.UTC().Format(time.RFC3339))
	case end.Sub(now) < expiring:
		f.look(subject, renew, "%s expires in %s, on %s", what, age(end.Sub(now)), until)
	default:
		f.ok(subject, "%s is good until %s", what, until)
	}
}
