/** A list as a table: its columns, what is shown while there is nothing, and the next page. */
import { Button, Group, Table } from "@mantine/core";
import type { UseInfiniteQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { Panel } from "./parts";
import { Empty, Failure, Loading } from "./states";

export interface Column<T> {
  name: string;
  cell: (row: T) => ReactNode;
  width?: number | string;
}

interface Props<T> {
  rows: T[] | undefined;
  keyOf: (row: T) => string;
  columns: Column<T>[];
  empty: { title: string; hint?: string; action?: ReactNode };
  query: Pick<UseInfiniteQueryResult, "error" | "refetch"> &
    Partial<Pick<UseInfiniteQueryResult, "hasNextPage" | "fetchNextPage" | "isFetchingNextPage">>;
  /** What the table is called. */
  label: string;
  /** Above the table, where it is not alone on the page. */
  title?: string;
  minWidth?: number;
}

export function Listing<T>({ rows, keyOf, columns, empty, query, label, title, minWidth = 640 }: Props<T>) {
  const { t } = useTranslation();
  const failure = query.error && <Failure error={query.error as Error} retry={() => query.refetch()} />;
  if (!rows) return failure || <Loading />;
  if (rows.length === 0) {
    return (
      failure || (
        <Panel>
          <Empty {...empty} />
        </Panel>
      )
    );
  }
  return (
    <Panel pad={false} title={title}>
      {failure}
      <Table.ScrollContainer
        className="listing"
        type="native"
        minWidth={minWidth}
        tabIndex={0}
        aria-label={label}
        role="region"
      >
        <Table
          role="table"
          className="plain-table"
          verticalSpacing="sm"
          horizontalSpacing="md"
          aria-label={label}
        >
          <Table.Thead>
            <Table.Tr>
              {columns.map(({ name, width }) =>
                name ? (
                  <Table.Th key={name} w={width}>
                    {name}
                  </Table.Th>
                ) : (
                  <Table.Td key="actions" w={width} />
                ),
              )}
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {rows.map((row) => (
              <Table.Tr key={keyOf(row)} role="row">
                {columns.map(({ name, cell }) => (
                  <Table.Td key={name || "actions"} role="cell" data-name={name}>
                    {cell(row)}
                  </Table.Td>
                ))}
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
      {query.hasNextPage && (
        <Group justify="center" p="sm">
          <Button
            size="xs"
            variant="subtle"
            onClick={() => query.fetchNextPage?.()}
            loading={query.isFetchingNextPage}
          >
            {t("action.more")}
          </Button>
        </Group>
      )}
    </Panel>
  );
}
