package wiring

import "strings"

// setting is a flag of kube-apiserver, without dashes.
type setting struct {
	name, value string
	// why says in a few lines why it has this value.
	why string
	// kops is its key in the cluster specification of kOps; empty when there is none.
	kops string
}

// settings are the flags of an API server of the distribution. What is said of the API server is how
// k8s.io/apiserver does it (pkg/server/options/audit.go, plugin/pkg/audit).
func (d *distribution) settings() []setting {
	dir := d.dir
	all := []setting{
		{"audit-policy-file", dir + "/audit-policy.yaml", "What is recorded.", "auditPolicyFile"},
		{"audit-webhook-config-file", dir + "/audit-webhook.yaml", "Where it is sent.", "auditWebhookConfigFile"},
		{"audit-webhook-mode", "batch", `The default. With blocking each request to the cluster waits for Saker's answer, and with blocking-strict it fails
when there is none.`, "auditWebhookMode"},
		{"audit-webhook-batch-max-wait", "1s", `How long an event waits for company. The default of 30s is how late an alert may be in a quiet cluster.`, "auditWebhookBatchMaxWait"},
		{"audit-webhook-batch-max-size", "400", "The default: events in a request.", "auditWebhookBatchMaxSize"},
		{"audit-webhook-batch-buffer-size", "10000", `The default: events that wait. Those that find it full are lost, and kube-apiserver counts them in
apiserver_audit_error_total{plugin="buffered"}; those of batches that it gave up are in {plugin="webhook"}.`, "auditWebhookBatchBufferSize"},
		{"audit-webhook-batch-throttle-qps", "25", `Requests in a second, so 25 × 400 = 10,000 events: a full buffer is empty after a second. The default of 10 makes a
burst of more than 4,000 events a second fill the buffer; Saker takes more than that.`, "auditWebhookBatchThrottleQps"},
		{"audit-webhook-batch-throttle-burst", "50", "Requests at once after a quiet time.", "auditWebhookBatchThrottleBurst"},
		{"audit-webhook-initial-backoff", "10s", `The default, and better left so: a batch that could not be delivered is sent again up to four times, each wait half as
long again as the one before. With 10s Saker may be away for 81 seconds without a loss, with 1s for 8; while it is
full it answers 503, and then the API server keeps trying for about four minutes.`, "auditWebhookInitialBackoff"},
		{"audit-webhook-truncate-enabled", "true", `The API server then tries each event before it joins a batch. Without it one that cannot be sent takes up to 399 others
along: an event of hundreds of megabytes, such as a list that is recorded with its answer, or a patch in YAML (content
type application/apply-patch+yaml) whose body is recorded. With it such a patch is lost alone; kube-apiserver counts it in
apiserver_audit_error_total{plugin="truncate"} and logs "Error in audit plugin", and nothing of it comes to Saker.`, ""},
		{"audit-webhook-truncate-max-event-size", "4194304", `4 MiB, more than objects of ordinary size have, and what Saker takes whole (audit.max_event_bytes). The default of
100 KiB is too small: whoever pads an object beyond it hides it from the rules, for a longer event loses its request
and response object.`, ""},
		{"audit-webhook-truncate-max-batch-size", "10485760", `The default. It must not be less than the size of an event; batches are put together only behind it and are not
limited by it.`, ""},
	}
	if d.untruncated {
		return oneByOne(all)
	}
	return all
}

// oneByOne are the settings where there are no keys for truncation: each event is sent by itself, so that one that cannot
// be sent takes no others along.
func oneByOne(all []setting) []setting {
	changed := map[string]setting{
		"audit-webhook-batch-max-size": {value: "1", why: `One event in a request. kOps has no keys for truncation, so the API server does not try an event before it joins a
batch, and one that cannot be sent takes all others of its batch along: a patch in YAML (content type
application/apply-patch+yaml) whose body is recorded, or an event of hundreds of megabytes. With the default of 400
whoever may patch anything could hide what is done at the same time; even 10 would hide some. With 1 such an event is
lost alone: kube-apiserver counts it in apiserver_audit_error_total{plugin="webhook"} and logs "Error in audit plugin".
Nothing waits for company then, so there is no batch wait.`},
		"audit-webhook-batch-buffer-size": {value: "20000", why: `Events that wait, twice the default, since they are sent more slowly. Those that find it full are lost, and
kube-apiserver counts them in apiserver_audit_error_total{plugin="buffered"}.`},
		"audit-webhook-batch-throttle-qps": {value: "1000", why: `Requests in a second, so 1,000 events, which a Saker with two CPUs takes without answering 503; the default of 10 would
be 10 events a second. A full buffer is empty after 20 seconds. Raise it together with the CPUs of Saker.`},
		"audit-webhook-batch-throttle-burst": {value: "50", why: `Requests at once after a quiet time. They share a connection, which takes 100; thousands at once would open as many
connections, and most would run into the time limit.`},
	}
	var out []setting
	for _, f := range all {
		if c, ok := changed[f.name]; ok {
			f.value, f.why = c.value, c.why
		}
		if f.kops != "" && f.name != "audit-webhook-batch-max-wait" {
			out = append(out, f)
		}
	}
	return out
}

// comment gives a text as comment lines, indented.
func comment(text string, blanks int) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(strings.Repeat(" ", blanks) + "# " + strings.TrimSpace(line) + "\n")
	}
	return b.String()
}
