package rule

import (
	"slices"

	"github.com/saker-security/saker/pkg/condition"
)

// Diagnostic is one finding about rules files: what is wrong, where, and what to do.
type Diagnostic struct {
	Severity condition.Severity
	// Code is our stable name of the kind of finding, in kebab case: unknown-field, yaml-syntax.
	Code string
	// Falco is the code under which Falco reports the same kind of finding: LOAD_ERR_COMPILE_CONDITION. It is empty
	// when Falco does not look for it.
	Falco string
	// Message says what is wrong, in lower case and without a final stop. It is one line; text quoted from the file
	// has its control characters escaped.
	Message string
	// Hint says what to do; may be empty.
	Hint string
	// Start and End are where it is in the file. End is exclusive and equals Start for a point between two characters.
	Start, End Position
	// Item is the kind of the item that the place belongs to: rule, macro, list or empty; Name is its name.
	Item, Name string
	// Line is the line of the file on which Start is, without its line break.
	Line string
	// Path is the way to the place through the items of the file, outermost first, as Falco tells it.
	Path []Location
	// Fixes are edits of which each corrects the finding; none when there is no safe one.
	Fixes []Fix
}

// Location is an item on the way to a place: its kind as Falco names it (rules content, rule, rule condition,
// condition expression, …), its name, and where it starts. All numbers count from 0, Offset and Column in bytes.
type Location struct {
	Type, Name string
	File       string
	Line       int
	Column     int
	Offset     int
}

// Fix is one way to correct a finding.
type Fix struct {
	// Title says what it does, such as: replace fd.nam by fd.name.
	Title string
	// Safe tells that the rules mean the same afterwards. Other fixes are guesses for people to look at.
	Safe  bool
	Edits []Edit
}

// Edit replaces the bytes Start to End of a file by Text.
type Edit struct {
	File       string
	Start, End int
	Text       string
}

// IsError tells whether the finding makes the rules unusable.
func (d *Diagnostic) IsError() bool { return d.Severity == condition.SeverityError }

// HasErrors tells whether one of the findings is an error.
func HasErrors(diagnostics []Diagnostic) bool {
	return slices.ContainsFunc(diagnostics, func(d Diagnostic) bool { return d.IsError() })
}

// Codes of findings as Falco names them.
const (
	falcoFile          = "LOAD_ERR_FILE_READ"
	falcoParse         = "LOAD_ERR_YAML_PARSE"
	falcoYAML          = "LOAD_ERR_YAML_VALIDATE"
	falcoCondition     = "LOAD_ERR_COMPILE_CONDITION"
	falcoOutput        = "LOAD_ERR_COMPILE_OUTPUT"
	falcoValidate      = "LOAD_ERR_VALIDATE"
	falcoSource        = "LOAD_UNKNOWN_SOURCE"
	falcoUnsafeNA      = "LOAD_UNSAFE_NA_CHECK"
	falcoNoType        = "LOAD_NO_EVTTYPE"
	falcoUnusedMacro   = "LOAD_UNUSED_MACRO"
	falcoUnusedList    = "LOAD_UNUSED_LIST"
	falcoUnknownItem   = "LOAD_UNKNOWN_ITEM"
	falcoUnknownKey    = "LOAD_UNKNOWN_KEY"
	falcoDeprecated    = "LOAD_DEPRECATED_ITEM"
	falcoMacroName     = "LOAD_INVALID_MACRO_NAME"
	falcoListName      = "LOAD_INVALID_LIST_NAME"
	falcoWarnCompiled  = "LOAD_COMPILE_CONDITION"
	falcoUnknownFilter = "LOAD_UNKNOWN_FILTER"
	falcoNoValues      = "LOAD_APPEND_NO_VALUES"
	falcoExceptionName = "LOAD_EXCEPTION_NAME_NOT_UNIQUE"
)

// kind is what a finding is called by us and by Falco.
type kind struct {
	code, falco string
	severity    condition.Severity
}

// The findings of this package. Those of conditions and outputs come with the code of their compiler.
var (
	kindSize               = kind{"file-too-large", falcoFile, condition.SeverityError}
	kindNotText            = kind{"not-text", falcoParse, condition.SeverityError}
	kindYAML               = kind{"yaml-syntax", falcoParse, condition.SeverityError}
	kindDepth              = kind{"yaml-depth", falcoParse, condition.SeverityError}
	kindAlias              = kind{"alias-bomb", falcoParse, condition.SeverityError}
	kindDuplicate          = kind{"duplicate-key", "", condition.SeverityError}
	kindShape              = kind{"wrong-type", falcoYAML, condition.SeverityError}
	kindMissing            = kind{"missing-key", falcoYAML, condition.SeverityError}
	kindEmpty              = kind{"empty-value", falcoYAML, condition.SeverityError}
	kindPriority           = kind{"bad-priority", falcoYAML, condition.SeverityError}
	kindVersion            = kind{"bad-version", falcoYAML, condition.SeverityError}
	kindEngine             = kind{"requirement", falcoValidate, condition.SeverityError}
	kindPlugin             = kind{"requirement", "", condition.SeverityError}
	kindRequirement        = kind{"bad-version", falcoValidate, condition.SeverityError}
	kindKey                = kind{"wrong-type", "", condition.SeverityError}
	kindOverride           = kind{"wrong-type", falcoValidate, condition.SeverityError}
	kindOverrideKey        = kind{"bad-override", falcoYAML, condition.SeverityError}
	kindException          = kind{"bad-exception", falcoValidate, condition.SeverityError}
	kindExceptionCondition = kind{"bad-exception", falcoCondition, condition.SeverityError}
	kindNoBase             = kind{"nothing-to-append", falcoValidate, condition.SeverityError}
	kindAppend             = kind{"empty-append", falcoValidate, condition.SeverityError}
	kindSource             = kind{"source-changed", falcoValidate, condition.SeverityError}
	kindMacro              = kind{"undefined-macro", falcoValidate, condition.SeverityError}
	kindLoop               = kind{"macro-loop", falcoValidate, condition.SeverityError}
	kindListValue          = kind{"list-as-value", falcoCondition, condition.SeverityError}
	kindExpansion          = kind{"too-large", falcoCondition, condition.SeverityError}

	kindUnknownItem   = kind{"unknown-item", falcoUnknownItem, condition.SeverityWarning}
	kindUnknownKey    = kind{"unknown-key", falcoUnknownKey, condition.SeverityWarning}
	kindExceptionKey  = kind{"unknown-key", "", condition.SeverityWarning}
	kindExceptionName = kind{"exception-name", falcoExceptionName, condition.SeverityWarning}
	kindNoValues      = kind{"no-values", falcoNoValues, condition.SeverityWarning}
	kindIgnored       = kind{"ignored-key", "", condition.SeverityWarning}
	kindUnknownSource = kind{"unknown-source", falcoSource, condition.SeverityWarning}
	kindDeprecated    = kind{"deprecated", falcoDeprecated, condition.SeverityWarning}
	kindMacroName     = kind{"macro-name", falcoMacroName, condition.SeverityWarning}
	kindListName      = kind{"list-name", falcoListName, condition.SeverityWarning}
	kindUnusedMacro   = kind{"unused-macro", falcoUnusedMacro, condition.SeverityWarning}
	kindUnusedList    = kind{"unused-list", falcoUnusedList, condition.SeverityWarning}
	kindListWord      = kind{"list-as-text", "", condition.SeverityWarning}
	kindNoList        = kind{"unknown-list", "", condition.SeverityInfo}
	kindDiffers       = kind{"falco-differs", "", condition.SeverityInfo}
	kindUnsafeNA      = kind{"unsafe-na", falcoUnsafeNA, condition.SeverityWarning}
	kindBroad         = kind{"no-event-type", falcoNoType, condition.SeverityWarning}
)
