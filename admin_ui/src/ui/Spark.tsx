/** A small line of the last hour: one glance, no axes; its numbers are said in words, too. */
export function Spark({
  values,
  label,
  color = "var(--pen-blue)",
  width = 120,
  height = 28,
}: {
  values: number[];
  label: string;
  color?: string;
  width?: number;
  height?: number;
}) {
  if (values.length === 0) return <div style={{ height }} />;
  const most = Math.max(1, ...values);
  const step = width / Math.max(1, values.length - 1);
  const points = values.map((value, at) => [at * step, height - 2 - (value / most) * (height - 4)] as const);
  const line = points.map(([x, y], at) => `${at ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");
  return (
    <svg
      width="100%"
      height={height}
      viewBox={`0 0 ${width} ${height}`}
      preserveAspectRatio="none"
      role="img"
      aria-label={label}
    >
      <path d={`${line}L${width} ${height}L0 ${height}Z`} fill={color} opacity={0.12} />
      <path d={line} fill="none" stroke={color} strokeWidth={1.5} vectorEffect="non-scaling-stroke" />
    </svg>
  );
}
