// Package field is what can be asked of an event: for each source a catalogue of fields, each declared once with its
// name, type, argument, text for people and extractor. The linter, the evaluator, output formats, `saker fields` and
// the documentation all read that one table.
package field

import "github.com/saker-security/saker/pkg/event"

// Need tells whether a field takes an argument in brackets.
type Need uint8

// The needs.
const (
	ArgNone Need = iota
	ArgOptional
	ArgRequired
)

// Form tells what an argument may look like.
type Form uint8

// The forms. A field with FormAny takes a valid number as an index and passes the text as a key too.
const (
	FormIndex Form = iota + 1
	FormKey
	FormAny
)

// Quantifier tells how a comparison treats a field that offers several values at once without being a list field.
type Quantifier uint8

// The quantifiers.
const (
	// One is an ordinary field: one value (or one list).
	One Quantifier = iota
	// Some compares each element of Value.List: the check is true when the comparison, whatever its operator, holds
	// for at least one (proc.aname without argument: "some ancestor").
	Some
	// Ends is like Some, but != holds only when it holds for all (fd.ip, fd.port, fd.net: the two ends).
	Ends
)

// Print tells how a number is written in text.
type Print uint8

// The ways to print. Octal and hexadecimal (upper case) have no prefix.
const (
	Decimal Print = iota
	Hex
	Octal
	// Padded9 pads with zeros to nine digits.
	Padded9
)

// Arg is a compiled argument, as it stands between the brackets.
type Arg struct {
	// Present is false when the field was written without argument.
	Present bool
	// Text is the argument as a key.
	Text string
	// Index is the argument as a number, valid when IsIndex.
	Index   int
	IsIndex bool
	// Data is what Field.Prepare made of the argument.
	Data any
}

// Extractor takes the value of a field from e into v, which the caller has Reset, and returns whether there is one.
// Texts may be views into memory of the source (see event.Event).
type Extractor func(e *event.Event, a *Arg, v *event.Value) bool

// Field is one row of a catalogue. It is plain data and immutable once in a catalogue.
type Field struct {
	// Name is the full name, such as proc.name.
	Name string
	Type event.Type
	// List marks a field whose value is a list of Type.
	List bool
	Need Need
	Form Form
	// DotArg marks a field whose argument is written as one more dotted part: evt.type.is.open, thread.cgroup.cpu.
	DotArg bool
	// Help is one sentence for people.
	Help string
	// FilterOnly fields cannot be printed, PrintOnly fields cannot be used in a condition.
	FilterOnly, PrintOnly bool
	// NoCompare fields cannot stand on the right-hand side or be compared with a field there.
	NoCompare bool
	// NoTransform fields cannot be wrapped in a transformer.
	NoTransform bool
	// Hidden fields parse but are not listed.
	Hidden bool
	// Deprecated, when not empty, says why and what to use instead.
	Deprecated string
	// Pending, when not empty, says why the field never has a value in this version: rules may use it, the linter
	// tells it.
	Pending string
	// Applies tells whether events of type t can have the field with the argument; nil when all can.
	Applies    func(t uint16, a *Arg) bool
	Quantifier Quantifier
	// AtMost fields are distances: = holds for values up to the constant, and there is no other comparison.
	AtMost bool
	Print  Print
	// Epoch marks a text field of a time of day whose JSON value is Event.Time as an integer.
	Epoch bool
	// Prepare checks and compiles an argument when a rule is compiled; nil when any argument of the Form will do.
	Prepare func(a *Arg) error
	// Constant checks a constant that the field is compared with, beyond what its type asks; nil for none.
	Constant func(text string) error
	Extract  Extractor
}
