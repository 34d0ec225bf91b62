/** Stands for the validator that compiles code, which the forms' library names for its own tests only. */
export default null;
