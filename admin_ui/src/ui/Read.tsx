/** One thing that is read from the server, as a view shows it: while it comes, when it is there, when it does not come. */
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { Problem } from "@/api/problems";
import { Back, Head } from "./parts";
import { Failure, Loading } from "./states";

const GONE = new Set([403, 404, 410]);

interface Query<T> {
  data: T | undefined;
  error: Error | null;
  refetch: () => unknown;
}

interface Reading<T> {
  query: Query<T>;
  /** Where one came from, and what was asked for: said when it cannot be shown. */
  area: string;
  name: string;
  children: (data: T) => ReactNode;
}

/**
 * What a query brought. When it cannot be brought again, that is said above it and what somebody types there stays, unless
 * it is gone or not for them any more.
 */
export function Read<T>({ query, area, name, children }: Reading<T>) {
  const { t } = useTranslation();
  const { data, error } = query;
  const failure = error && <Failure error={error} retry={() => query.refetch()} />;
  const refused = error instanceof Problem && GONE.has(error.status);
  if (data === undefined || refused) {
    if (!failure) return <Loading />;
    return (
      <>
        <Head above={<Back path={area}>{t(`areas.${area}`)}</Back>} title={name} />
        {failure}
      </>
    );
  }
  return (
    <>
      {failure}
      {children(data)}
    </>
  );
}
