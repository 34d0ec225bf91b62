/** Chooses somebody of the tenant: oneself, those who work there, or nobody. */
import { Select } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { data } from "@/api/client";
import { useMe } from "@/auth/SessionProvider";

interface Someone {
  id: string;
  name: string;
  email?: string;
}

const NOBODY = "-";

/** Oneself, and whoever may work on the queue, by the identity provider; searched there. */
function usePeople(queue: string | undefined, search: string, wanted: boolean): Someone[] {
  const { api, me, tenant } = useMe();
  const [text] = useDebouncedValue(search, 250);
  const people = useQuery({
    queryKey: [tenant, "people", queue, text],
    queryFn: () =>
      data(
        api.GET("/api/v1/people", {
          params: { query: { queue, binding: "workers", search: text || undefined, limit: 50 } },
        }),
      ),
    enabled: wanted,
    placeholderData: (before) => before,
  });
  const others = (people.data?.items ?? [])
    .filter(({ id }) => id !== me.subject)
    .map(({ id, name, email }) => ({ id, name, email }));
  return [{ id: me.subject, name: me.name, email: me.email }, ...others];
}

interface Props {
  label: string;
  value: Someone | null;
  onChange: (value: Someone | null) => void;
  queue?: string;
  onlyMe?: boolean;
  /** What stands for nobody. */
  nobody: string;
  /** In a dialog: where one begins to type. */
  autofocus?: boolean;
}

export function PersonPicker({ label, value, onChange, queue, onlyMe, nobody, autofocus = true }: Props) {
  const { t } = useTranslation();
  const { me } = useMe();
  const [search, setSearch] = useState("");
  const known = usePeople(queue, search === value?.name ? "" : search, !onlyMe);
  const people = onlyMe ? known.slice(0, 1) : known;
  const all = value && !people.some(({ id }) => id === value.id) ? [...people, value] : people;
  return (
    <Select
      label={label}
      data={[
        { value: NOBODY, label: nobody },
        ...all.map((each) => ({
          value: each.id,
          label: each.id === me.subject ? t("people.me", { name: each.name }) : each.name,
        })),
      ]}
      value={value?.id ?? NOBODY}
      onChange={(id) => onChange(all.find((each) => each.id === id) ?? null)}
      searchable
      onSearchChange={setSearch}
      onFocus={(event) => event.currentTarget.select()}
      allowDeselect={false}
      data-autofocus={autofocus || undefined}
    />
  );
}
