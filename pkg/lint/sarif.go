package lint

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"strings"

	"github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"

	"github.com/saker-security/saker/pkg/condition"
	"github.com/saker-security/saker/pkg/rule"
)

// project is where the tool and its documents live.
const project = "https://github.com/saker-security/saker"

// WriteSARIF writes the findings in the Static Analysis Results Interchange Format 2.1.0. Paths below the directory
// root are written relative to it. Columns count characters.
func (r Result) WriteSARIF(w io.Writer, root, version string) error {
	run := sarif.NewRunWithInformationURI("saker", project)
	run.WithColumnKind("unicodeCodePoints")
	run.Tool.Driver.WithVersion(version)
	for _, code := range r.FoundCodes() {
		describeRule(run.AddRule(code), code)
	}
	seen := map[string]int{}
	for i := range r.Findings {
		d := &r.Findings[i]
		result := run.CreateResultForRule(d.Code)
		text := printable(d.Message)
		if d.Hint != "" {
			text += "; " + printable(d.Hint)
		}
		result.WithLevel(level(d.Severity)).WithMessage(sarif.NewTextMessage(text)).WithLocations([]*sarif.Location{r.location(d, root)})
		print := fingerprint(d, root)
		seen[print]++
		result.WithPartialFingerprints(map[string]string{"sakerFinding/v1": fmt.Sprintf("%s:%d", print, seen[print])})
		for _, fix := range d.Fixes {
			result.AddFixe(newSARIFFix(fix, root))
		}
	}
	report := sarif.NewReport().AddRun(run)
	if err := report.PrettyWrite(w); err != nil {
		return fmt.Errorf("write findings: %w", err)
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func level(s condition.Severity) string {
	switch s {
	case condition.SeverityError:
		return "error"
	case condition.SeverityWarning:
		return "warning"
	}
	return "note"
}

func describeRule(d *sarif.ReportingDescriptor, code string) {
	d.WithHelpURI(ExplanationURL(code))
	e, ok := Explain(code)
	if !ok {
		return
	}
	d.WithDescription(e.Title).WithFullDescription(sarif.NewMultiformatMessageString().WithText(e.Text))
	d.WithHelp(sarif.NewMultiformatMessageString().WithText(e.Text).WithMarkdown(e.Markdown()))
}

func (r *Result) location(d *rule.Diagnostic, root string) *sarif.Location {
	region := sarif.NewRegion().WithStartLine(d.Start.Line).WithStartColumn(r.character(d.Start, d.Line)).
		WithEndLine(max(d.Start.Line, d.End.Line)).WithEndColumn(r.character(d.End, r.lastLine(d)))
	place := sarif.NewPhysicalLocation().WithRegion(region).
		WithArtifactLocation(sarif.NewArtifactLocation().WithURI(uri(d.Start.File, root)))
	location := sarif.NewLocation().WithPhysicalLocation(place)
	if d.Name != "" {
		location.AddLogicalLocation(sarif.NewLogicalLocation().WithKind(d.Item).WithName(d.Name))
	}
	return location
}

func newSARIFFix(f rule.Fix, root string) *sarif.Fix {
	fix := sarif.NewFix().WithDescription(sarif.NewTextMessage(f.Title))
	changes := map[string]*sarif.ArtifactChange{}
	for _, e := range f.Edits {
		change := changes[e.File]
		if change == nil {
			change = sarif.NewArtifactChange().WithArtifactLocation(sarif.NewArtifactLocation().WithURI(uri(e.File, root)))
			changes[e.File] = change
			fix.AddArtifactChange(change)
		}
		region := sarif.NewRegion().WithByteOffset(e.Start).WithByteLength(e.End - e.Start)
		change.AddReplacement(sarif.NewReplacement().WithDeletedRegion(region).
			WithInsertedContent(sarif.NewArtifactContent().WithText(e.Text)))
	}
	return fix
}

// fingerprint names a finding so that it is recognised when lines before it come and go.
func fingerprint(d *rule.Diagnostic, root string) string {
	sum := sha256.Sum256([]byte(strings.Join([]string{uri(d.Start.File, root), d.Code, d.Item, d.Name, strings.TrimSpace(d.Line), d.Message}, "\x00")))
	return hex.EncodeToString(sum[:16])
}
