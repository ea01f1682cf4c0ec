// Package condition is the condition language: text is parsed by the grammar in grammar/ into the syntax tree of this
// package, printed back, and rejected with one diagnostic in our own words. It is pure: no I/O, no clock, no globals.
//
// Compiling a tree against a field catalogue and evaluating it is package condition/program.
package condition

// Range is a half-open range of byte offsets in the condition text.
type Range struct{ Start, End int }

// Span returns the range itself, so that a node that embeds a Range tells where it stands.
func (r Range) Span() Range { return r }

// Node is an expression that is true or false: *And, *Or, *Not, *Macro or *Check.
type Node interface {
	Span() Range
	node()
}

// And holds when all its terms do. It has at least two terms, none of which is an unparenthesised And.
type And struct {
	Range
	Terms []Node
}

// Or holds when one of its terms does. It has at least two terms.
type Or struct {
	Range
	Terms []Node
}

// Not holds when its term does not.
type Not struct {
	Range
	Term Node
}

// Macro is an identifier that stands alone; it names a macro.
type Macro struct {
	Range
	Name string
}

// Check compares Left with Right, or asks whether Left exists (then Right is nil).
type Check struct {
	Range
	Left Operand
	// Op is the operator as written, such as = or startswith.
	Op Op
	// OpRange is where the operator stands, without the modifier.
	OpRange Range
	// Modifier is oneof, anyof, allof or empty.
	Modifier Modifier
	Right    Operand
}

func (*And) node()   {}
func (*Or) node()    {}
func (*Not) node()   {}
func (*Macro) node() {}
func (*Check) node() {}

// Op is a comparison operator.
type Op string

// The operators.
const (
	OpExists      Op = "exists"
	OpEq          Op = "="
	OpEqEq        Op = "=="
	OpNe          Op = "!="
	OpLt          Op = "<"
	OpLe          Op = "<="
	OpGt          Op = ">"
	OpGe          Op = ">="
	OpContains    Op = "contains"
	OpIContains   Op = "icontains"
	OpBContains   Op = "bcontains"
	OpStartsWith  Op = "startswith"
	OpBStartsWith Op = "bstartswith"
	OpEndsWith    Op = "endswith"
	OpGlob        Op = "glob"
	OpIGlob       Op = "iglob"
	OpRegex       Op = "regex"
	OpIn          Op = "in"
	OpIntersects  Op = "intersects"
	OpPMatch      Op = "pmatch"
)

// Modifier says for how many elements of the list on the right a string operator must hold.
type Modifier string

// The modifiers.
const (
	ModifierNone  Modifier = ""
	ModifierOneOf Modifier = "oneof"
	ModifierAnyOf Modifier = "anyof"
	ModifierAllOf Modifier = "allof"
)

// Operand is a side of a check or an argument of a transformer: *Field, *Transform, *Text, *Number, *List or *Group.
type Operand interface {
	Span() Range
	operand()
}

// Field names a field of the event.
type Field struct {
	Range
	Name string
	// Arg is the argument in brackets, nil for none.
	Arg *Arg
}

// Arg is an argument in brackets; its range excludes the brackets.
type Arg struct {
	Range
	Text string
	// Quote is the quotation mark around it, 0 for none.
	Quote byte
}

// Transform applies a transformer. val(field) is a Transform too, on the right-hand side only.
type Transform struct {
	Range
	// Name is tolower, toupper, b64, basename, len, join, concat, getopt or val.
	Name string
	Args []Operand
	// Arg is the argument in brackets after the closing parenthesis, nil for none.
	Arg *Arg
}

// Text is a string constant, with its escapes resolved. An identifier in place of a list is a bare Text.
type Text struct {
	Range
	Value string
	// Quote is the quotation mark around it, 0 for a bare string.
	Quote byte
}

// Number is a numeric constant as written.
type Number struct {
	Range
	Text string
}

// List is a parenthesised list of string constants.
type List struct {
	Range
	Items []*Text
}

// Group is a parenthesised list as an argument of a transformer.
type Group struct {
	Range
	Items []Operand
}

func (*Field) operand()     {}
func (*Transform) operand() {}
func (*Text) operand()      {}
func (*Number) operand()    {}
func (*List) operand()      {}
func (*Group) operand()     {}
