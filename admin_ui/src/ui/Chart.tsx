/** Lines over time, with the same values as a table for those who read better that way. */
import { SegmentedControl } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import {
  Area,
  AreaChart,
  CartesianGrid,
  Line,
  LineChart,
  ResponsiveContainer,
  Tooltip,
  XAxis,
  YAxis,
} from "recharts";
import { Panel } from "./parts";

export interface Line_ {
  key: string;
  name: string;
  color: string;
}

interface Props {
  title: string;
  rows: Record<string, number | string | null>[];
  lines: Line_[];
  /** Writes a value. */
  say?: (value: number) => string;
  filled?: boolean;
  height?: number;
  /** The key of the time in each row, already written. */
  at: string;
}

export function Chart({ title, rows, lines, say = String, filled, height = 200, at }: Props) {
  const { t } = useTranslation();
  const [table, setTable] = useState(false);
  return (
    <Panel
      title={title}
      actions={
        <SegmentedControl
          size="xs"
          aria-label={t("chart.shape", { title })}
          data={[
            { value: "chart", label: t("chart.chart") },
            { value: "table", label: t("chart.table") },
          ]}
          value={table ? "table" : "chart"}
          onChange={(chosen) => setTable(chosen === "table")}
        />
      }
    >
      {table ? (
        <Values rows={rows} lines={lines} say={say} at={at} height={height} title={title} />
      ) : (
        <>
          <Lines rows={rows} lines={lines} say={say} filled={filled} height={height} at={at} />
          <div style={{ display: "flex", gap: 16, flexWrap: "wrap", marginTop: 8 }} aria-hidden>
            {lines.map((line) => (
              <span
                key={line.key}
                className="state"
                style={{ "--tone": line.color, fontWeight: 400 } as React.CSSProperties}
              >
                {line.name}
              </span>
            ))}
          </div>
        </>
      )}
    </Panel>
  );
}

const AXIS = { fontSize: 11, fill: "var(--mantine-color-dimmed)" };

function Lines({ rows, lines, say = String, filled, height, at }: Omit<Props, "title">) {
  const Kind = filled ? AreaChart : LineChart;
  return (
    <div aria-hidden style={{ height }}>
      <ResponsiveContainer
        width="100%"
        height="100%"
        initialDimension={{ width: 500, height: height ?? 200 }}
      >
        <Kind data={rows} margin={{ top: 6, right: 6, bottom: 0, left: 0 }} accessibilityLayer={false}>
          <CartesianGrid stroke="var(--pen-line)" vertical={false} />
          <XAxis dataKey={at} tick={AXIS} tickLine={false} axisLine={false} minTickGap={48} />
          <YAxis
            tick={AXIS}
            tickLine={false}
            axisLine={false}
            width={46}
            tickFormatter={(value) => say(Number(value))}
          />
          <Tooltip
            isAnimationActive={false}
            contentStyle={{
              background: "var(--pen-raised)",
              border: "1px solid var(--mantine-color-default-border)",
              borderRadius: 8,
              fontSize: 12,
            }}
            formatter={(value) => say(Number(value))}
          />
          {lines.map((line) =>
            filled ? (
              <Area
                key={line.key}
                dataKey={line.key}
                name={line.name}
                stroke={line.color}
                fill={line.color}
                fillOpacity={0.12}
                strokeWidth={1.6}
                isAnimationActive={false}
                type="monotone"
              />
            ) : (
              <Line
                key={line.key}
                dataKey={line.key}
                name={line.name}
                stroke={line.color}
                strokeWidth={1.6}
                dot={{ r: 1.5 }}
                isAnimationActive={false}
                type="monotone"
                connectNulls
              />
            ),
          )}
        </Kind>
      </ResponsiveContainer>
    </div>
  );
}

function Values({ rows, lines, say = String, at, height, title }: Omit<Props, "filled">) {
  const { t } = useTranslation();
  const said = [...rows].reverse().filter((row) => lines.some(({ key }) => row[key]));
  return (
    <div
      style={{ maxHeight: (height ?? 200) + 30, overflow: "auto" }}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard.
      tabIndex={0}
      role="region"
      aria-label={title}
    >
      <table
        className="plain-table numbers"
        style={{ width: "100%", fontSize: 13, borderCollapse: "collapse" }}
      >
        <thead>
          <tr>
            <th style={{ textAlign: "left" }}>{t("chart.at")}</th>
            {lines.map((line) => (
              <th key={line.key} style={{ textAlign: "right" }}>
                {line.name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {said.map((row) => (
            <tr key={String(row[at])}>
              <td>{row[at]}</td>
              {lines.map((line) => (
                <td key={line.key} style={{ textAlign: "right" }}>
                  {row[line.key] == null ? "—" : say(Number(row[line.key]))}
                </td>
              ))}
            </tr>
          ))}
          {said.length === 0 && (
            <tr>
              <td colSpan={lines.length + 1}>{t("chart.nothing")}</td>
            </tr>
          )}
        </tbody>
      </table>
    </div>
  );
}
