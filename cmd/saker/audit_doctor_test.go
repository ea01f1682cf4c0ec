package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/saker-security/saker/pkg/daemon/doctor"
)

// TestDoctorEscapes prints findings with texts of a sender who would like to steer the terminal.
func TestDoctorEscapes(t *testing.T) {
	a := doctorAnswer{Verdict: doctor.Look, Findings: []doctor.Finding{
		{Verdict: doctor.Look, Subject: "sender", Text: "cluster \x1b[2J at 10.0.0.1,\tcurl\nok  events  all is well \u202e", Next: "look\rthere"},
	}}
	for _, asJSON := range []bool{false, true} {
		var b bytes.Buffer
		if err := a.print(&b, asJSON); err != nil {
			t.Fatal(err)
		}
		if strings.ContainsAny(b.String(), "\x1b\t\r\u202e") || strings.Contains(b.String(), "\nok") {
			t.Errorf("not escaped: %q", b.String())
		}
		if !asJSON {
			if lines := strings.Count(b.String(), "\n"); lines != 2 {
				t.Errorf("%d lines: %q", lines, b.String())
			}
			continue
		}
		var back doctorAnswer
		if err := json.Unmarshal(b.Bytes(), &back); err != nil || back.Findings[0] != a.Findings[0] || back.Verdict != doctor.Look {
			t.Errorf("read back as %+v: %v", back, err)
		}
	}
}
